/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-replica: a member of a replicated store that goes back has forgotten what it told its
 * peers, who still count on it. Freezes the units that the administrator has listed, and puts
 * their fences, all of them before anybody is asked anything; then has the service manager take
 * the fences, and ends those units whose fence holds, because it may start again what ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/event.h"
#include "base/file.h"
#include "base/systemd.h"
#include "base/text.h"
#include "base/unitlist.h"
#include "fencing.h"
#include "freezer.h"
#include "keys/standby.h"
#include "members.h"
#include "process/capture.h"
#include "process/child.h"

enum {
	DONE = 0,
	FAILED = 1,
	NOT_APPLICABLE = 77,
	/* An answer of the service manager: in a boot it has taken 20 s. */
	ASK_MS = 30000,
};

static struct {
	struct unitlist list;
	/* The file as it was read. */
	struct stat file;
} ready;

static struct {
	bool drill, failed;
	/* By the numbers of the list; negative: does not run, or is listed by another name. */
	int groups[UNITLIST_MAX];
	/* As of fencing_hold(). */
	int results[UNITLIST_MAX];
} run;

#define fail(...) do { text_print(stdout, __VA_ARGS__); run.failed = true; } while (0)

/* ---- the list ---- */

static void read_list(void)
{
	/* Before it is read: what is changed meanwhile is read again. */
	file_look(UNITLIST_REPLICA, &ready.file);
	unitlist_read(UNITLIST_REPLICA, UNITLIST_PLAIN, &ready.list);
}

static void read_list_if_changed(void)
{
	struct stat file;

	file_look(UNITLIST_REPLICA, &file);
	if (!file_is_same(&file, &ready.file))
		read_list();
}

static void drop_misfits(void)
{
	struct unitlist *list = &ready.list;
	const char *why;
	size_t i, n = 0;

	for (i = 0; i < list->n; i++) {
		why = members_misfit(list->entries[i].unit);
		if (why)
			fail(UNITLIST_REPLICA ", line %u: %s %s\n", list->entries[i].line,
			     list->entries[i].unit, why);
		else
			list->entries[n++] = list->entries[i];
	}
	list->n = n;
}

/* ---- freezing ---- */

static void freeze(size_t i)
{
	const char *unit = ready.list.entries[i].unit;
	int r = run.drill ? 0 : freezer_set(run.groups[i], true);

	/* Of cgroup v1, for example: it runs on until the fence is there. */
	if (r)
		text_print(stdout, "%s: cannot be frozen: %s\n", unit, strerror(-r));
}

/* In those slices, and of those that were not found in others. */
static void freeze_in(const char *slice)
{
	int slice_fd = freezer_open(slice);
	size_t i;

	if (slice_fd < 0)
		return;
	for (i = 0; i < ready.list.n; i++) {
		if (run.groups[i] >= 0)
			continue;
		run.groups[i] = freezer_find(slice_fd, ready.list.entries[i].unit);
		if (run.groups[i] >= 0)
			freeze(i);
	}
	close(slice_fd);
}

static void freeze_all(void)
{
	size_t i;

	for (i = 0; i < ready.list.n; i++)
		run.groups[i] = -1;
	freeze_in(FREEZER_SYSTEM);
	freeze_in(FREEZER_ALL);
	/* Nothing is urgent any more. */
	child_become_ordinary(false);
}

/* ---- fences ---- */

/* A property of a unit; returns whether the service manager has told it. */
static bool ask(const char *unit, const char *option, char *ret_value, size_t size)
{
	const char *const argv[] = { "systemctl", "show", option, "--value", "--", unit, NULL };
	int r = capture_output(argv, environ, ASK_MS, ret_value, size);

	ret_value[strcspn(ret_value, "\n")] = '\0';
	if (r)
		fail("%s: systemd does not say whether it runs: %s\n", unit, run.drill ?
		     "vmgenctl hooks run 10-replica" : "vmgenctl hooks run --real 10-replica");
	return !r;
}

static void tell_missing(size_t i)
{
	const struct unitlist_entry *entry = &ready.list.entries[i];

	fail(UNITLIST_REPLICA ", line %u: there is no unit %s: correct its name, or take it out\n",
	     entry->line, entry->unit);
}

/* With a mask it would look like a unit that is kept down. The fence stays: it may be yet to come. */
static void find_missing(void)
{
	char state[64];
	size_t i;

	for (i = 0; i < ready.list.n; i++) {
		if (run.results[i] != FENCING_REFUSED)
			continue;
		/* Who does not answer is not asked for the next one: all are to be masked in time. */
		if (!ask(ready.list.entries[i].unit, "--property=LoadState", state, sizeof(state)))
			return;
		if (strcmp(state, "not-found"))
			continue;
		run.results[i] = FENCING_MISSING;
		tell_missing(i);
		text_print(stdout, "%s: is fenced anyway: vmgenctl fence lift %s\n",
			   ready.list.entries[i].unit, ready.list.entries[i].unit);
	}
}

static void tell_unfenced(size_t i, bool is_masked)
{
	const char *unit = ready.list.entries[i].unit;
	int r = run.results[i];

	if (r < 0)
		text_print(stdout, "%s: vmgenctl cannot be run: %s\n", unit, strerror(-r));
	fail("%s: is not fenced for certain, so it %s, and is %s: vmgenctl hooks run --real 10-replica\n",
	     unit, run.groups[i] >= 0 ? "stays frozen" : "may run on",
	     is_masked ? "masked until the next boot" :
	     "to be masked, but systemd does not answer, and may start it again");
}

static void fence_all(void)
{
	bool is_masked, is_stale = fencing_put(&ready.list);
	size_t i;

	fencing_hold(&ready.list, is_stale, run.results);
	for (i = 0; i < ready.list.n && !run.results[i]; i++)
		;
	if (i == ready.list.n)
		return;
	find_missing();
	is_masked = !fencing_mask(&ready.list, run.results);
	for (; i < ready.list.n; i++)
		if (run.results[i] && run.results[i] != FENCING_MISSING)
			tell_unfenced(i, is_masked);
}

/* ---- the end ---- */

/* Also by another name than that of its cgroup. */
static bool runs(size_t i)
{
	char state[64];

	if (run.groups[i] >= 0)
		return true;
	return ask(ready.list.entries[i].unit, "--property=ActiveState", state, sizeof(state)) &&
	       strcmp(state, "inactive") && strcmp(state, "failed");
}

static int systemctl(const char *command, const char *option, const char *unit)
{
	const char *const argv[] = { "systemctl", command, option, "--", unit, NULL };

	return capture_output(argv, environ, ASK_MS, NULL, 0);
}

/*
 * At once: an orderly end would have it tell its peers, and takes as long as it likes. What is
 * frozen dies as well, but what the unit starts after that would freeze.
 */
static void end(size_t i)
{
	const char *unit = ready.list.entries[i].unit;

	if (systemctl("kill", "--signal=KILL", unit)) {
		fail("%s: systemd did not kill it, so it %s: vmgenctl hooks run --real 10-replica\n", unit,
		     run.groups[i] >= 0 ? "stays frozen" : "runs on");
		return;
	}
	if (run.groups[i] >= 0)
		(void)freezer_set(run.groups[i], false);
	/* One that would be started again waits for that for ever. */
	(void)systemctl("stop", "--no-block", unit);
	text_print(stdout, "%s: is killed and fenced; 10-replica in vmgend-hooks(7) says how it joins its peers again\n",
		   unit);
}

static void end_all(void)
{
	size_t i;

	for (i = 0; i < ready.list.n; i++) {
		if (run.results[i])
			continue;
		if (runs(i))
			end(i);
		else
			text_print(stdout, "%s: is fenced\n", ready.list.entries[i].unit);
	}
}

/* ---- a drill ---- */

/* What has a cgroup of that name has no other. Returns whether there is nothing more to say. */
static bool tell_alias(size_t i)
{
	const struct unitlist_entry *entry = &ready.list.entries[i];
	char id[NAME_MAX + 2];

	if (run.groups[i] >= 0)
		return false;
	if (!ask(entry->unit, "--property=Id", id, sizeof(id)))
		return true;
	if (!*id || !strcmp(id, entry->unit))
		return false;
	fail(UNITLIST_REPLICA ", line %u: %s is an alias, which would be fenced late: list the unit itself, %s\n",
	     entry->line, entry->unit, id);
	return true;
}

static void tell(size_t i)
{
	const struct unitlist_entry *entry = &ready.list.entries[i];
	char state[64];

	if (tell_alias(i))
		return;
	if (runs(i)) {
		if (!ask(entry->unit, "--property=SubState", state, sizeof(state)))
			return;
		/* As postgresql.service of Debian, which stands for its clusters. */
		if (!strcmp(state, "exited"))
			fail(UNITLIST_REPLICA ", line %u: %s has no process of its own: list the units that it starts\n",
			     entry->line, entry->unit);
		else if (run.groups[i] >= 0 && freezer_is_possible(run.groups[i]))
			text_print(stdout, "would freeze, fence and kill %s\n", entry->unit);
		else
			text_print(stdout, "would fence and kill %s, which cannot be frozen, and runs on until then\n",
				   entry->unit);
		return;
	}
	if (!ask(entry->unit, "--property=LoadState", state, sizeof(state)))
		return;
	if (!strcmp(state, "not-found"))
		tell_missing(i);
	else
		text_print(stdout, "would fence %s, which does not run\n", entry->unit);
}

static int work(void)
{
	bool is_empty = !ready.list.n && !*ready.list.faults;
	size_t i;

	if (is_empty) {
		printf(UNITLIST_REPLICA " lists no unit\n");
		return NOT_APPLICABLE;
	}
	drop_misfits();
	freeze_all();
	fputs(ready.list.faults, stdout);
	run.failed |= *ready.list.faults;
	if (!systemd_runs()) {
		printf("systemd does not run here, so nobody knows the units of " UNITLIST_REPLICA ": write a guard of your own instead\n");
		return FAILED;
	}
	if (run.drill) {
		for (i = 0; i < ready.list.n; i++)
			tell(i);
	} else if (ready.list.n) {
		fence_all();
		end_all();
	}
	return run.failed ? FAILED : DONE;
}

int main(void)
{
	enum event event;
	const char *name;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	read_list();
	/* While it is open the way to it stays in memory. */
	if (getenv("VMGEN_STANDBY"))
		(void)open(UNITLIST_REPLICA, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	r = standby_wait();
	if (r == -ENODATA)
		return DONE;
	if (r) {
		printf("cannot stand by: %s\n", strerror(-r));
		return FAILED;
	}
	name = getenv("VMGEN_EVENT");
	run.drill = name && !event_parse(name, &event) && event == EVENT_TEST;
	read_list_if_changed();
	return work();
}
