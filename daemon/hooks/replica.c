/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-replica: a member of a replicated store that goes back has forgotten what it told its
 * peers, who still count on it. Freezes the units that the administrator has listed, all of
 * them before anybody is asked anything; then has them fenced, and ends them when the fence
 * holds, because the service manager may start anew what ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/event.h"
#include "base/file.h"
#include "base/systemd.h"
#include "base/text.h"
#include "base/unitlist.h"
#include "freezer.h"
#include "keys/standby.h"
#include "process/capture.h"
#include "process/child.h"

enum {
	DONE = 0,
	FAILED = 1,
	NOT_APPLICABLE = 77,
	/* An answer of the service manager. */
	ASK_MS = 10000,
	/* vmgenctl has bounds of its own, which are shorter. */
	FENCE_MS = 30000,
	AT_ONCE = 8,
	/* Its exit status where it is not certain that a unit asks; and how long it is tried again. */
	IN_DOUBT = 8,
	DOUBT_MS = 20000,
};

#define REASON	"this machine was cloned or restored, so its peers may know what it has forgotten: " \
		"see 10-replica in vmgend-hooks(7)"

static struct {
	struct unitlist list;
	/* The file as it was read. */
	struct stat file;
} ready;

static struct {
	bool drill, failed;
	/* By the numbers of the list; negative: does not run, or is listed by another name. */
	int groups[UNITLIST_MAX];
	/* Of vmgenctl; 0: it is fenced for certain. */
	int results[UNITLIST_MAX];
} run;

#define fail(...) do { text_print(stdout, __VA_ARGS__); run.failed = true; } while (0)

/* ---- the list ---- */

static void read_list(void)
{
	/* Before it is read: what is changed meanwhile is read again. */
	file_look(UNITLIST_REPLICA, &ready.file);
	unitlist_read(UNITLIST_REPLICA, &ready.list);
}

static void read_list_if_changed(void)
{
	struct stat file;

	file_look(UNITLIST_REPLICA, &file);
	if (!file_is_same(&file, &ready.file))
		read_list();
}

/* Returns what keeps a unit from being fenced, or NULL. */
static const char *misfit(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	if (!strcmp(unit, "vmgend.service"))
		return "runs this guard: take it out";
	if (strcmp(dot, ".service") && strcmp(dot, ".socket"))
		return "can ask for no fence: list a service or a socket";
	return dot > unit && dot[-1] == '@' ?
	       "is a template, which nothing starts: list its instances" : NULL;
}

static void drop_misfits(void)
{
	struct unitlist *list = &ready.list;
	const char *why;
	size_t i, n = 0;

	for (i = 0; i < list->n; i++) {
		why = misfit(list->entries[i].unit);
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

/* What it prints comes into the log, once. Returns its process ID or -errno. */
static pid_t begin_fence(const char *unit, bool again)
{
	static char program[] = "vmgenctl", command[] = "fence", action[] = "set", end[] = "--",
		    reason[] = REASON;
	char *argv[] = { program, command, action, end, strdup(unit), reason, NULL };
	posix_spawn_file_actions_t actions;
	int r = argv[4] ? posix_spawn_file_actions_init(&actions) : ENOMEM;
	pid_t pid;

	if (!r && again)
		r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!r)
		r = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	if (argv[4])
		(void)posix_spawn_file_actions_destroy(&actions);
	free(argv[4]);
	return r ? -r : pid;
}

static int end_fence(pid_t pid)
{
	int status = 0, r = pid < 0 ? pid : child_end(pid, deadline_in(FENCE_MS), &status);

	if (r)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* Several at a time: each is on disk before the service manager is asked, which may hang. */
static void fence_some(size_t first, size_t end, bool again)
{
	pid_t pids[AT_ONCE] = { 0 };
	size_t i;

	for (i = first; i < end; i++)
		if (run.results[i])
			pids[i - first] = begin_fence(ready.list.entries[i].unit, again);
	for (i = first; i < end; i++)
		if (run.results[i])
			run.results[i] = end_fence(pids[i - first]);
}

static bool some_in_doubt(void)
{
	size_t i;

	for (i = 0; i < ready.list.n; i++)
		if (run.results[i] == IN_DOUBT)
			return true;
	return false;
}

static void tell_fence(const char *unit, int r, bool is_frozen)
{
	if (r < 0)
		fail("%s: vmgenctl cannot be run: %s\n", unit, strerror(-r));
	else if (!is_frozen)
		fail("%s: is not fenced for certain\n", unit);
	else
		fail("%s: stays frozen, because nothing may start it anew and it is not certain that it asks for its fence: vmgenctl hooks run --real 10-replica\n",
		     unit);
}

static void fence_all(void)
{
	const struct timespec pause = { .tv_sec = 1 };
	int64_t deadline = deadline_in(DOUBT_MS);
	size_t i, n = ready.list.n;
	bool again = false;

	for (i = 0; i < n; i++)
		run.results[i] = IN_DOUBT;
	for (;; again = true) {
		for (i = 0; i < n; i += AT_ONCE)
			fence_some(i, n - i < AT_ONCE ? n : i + AT_ONCE, again);
		/* A service manager that is busy, with other fences too, answers the same command later. */
		if (!some_in_doubt() || !deadline_left(deadline))
			break;
		(void)nanosleep(&pause, NULL);
	}
	for (i = 0; i < n; i++)
		if (run.results[i])
			tell_fence(ready.list.entries[i].unit, run.results[i], run.groups[i] >= 0);
}

/* ---- the end ---- */

/* A property of a unit; returns whether the service manager has told it. */
static bool ask(const char *unit, const char *option, char *ret_value, size_t size)
{
	const char *const argv[] = { "systemctl", "show", option, "--value", "--", unit, NULL };
	int r = capture_output(argv, environ, ASK_MS, ret_value, size);

	ret_value[strcspn(ret_value, "\n")] = '\0';
	if (r)
		fail("%s: systemd does not say whether it runs: vmgenctl hooks run --real 10-replica\n",
		     unit);
	return !r;
}

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
	/* One that would be started again waits for that in vain. */
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

static void tell(size_t i)
{
	const struct unitlist_entry *entry = &ready.list.entries[i];
	char state[64];

	if (runs(i))
		text_print(stdout, "would freeze, fence and kill %s\n", entry->unit);
	else if (!ask(entry->unit, "--property=LoadState", state, sizeof(state)))
		return;
	else if (!strcmp(state, "not-found"))
		fail(UNITLIST_REPLICA ", line %u: there is no unit %s: correct its name, or take it out\n",
		     entry->line, entry->unit);
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
	} else {
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
