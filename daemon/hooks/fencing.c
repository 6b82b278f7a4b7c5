/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/paths.h"
#include "base/unitname.h"
#include "ctl/systemd/alias.h"
#include "ctl/systemd/dropin.h"
#include "ctl/systemd/manager.h"
#include "ctl/systemd/mask.h"
#include "fencing.h"
#include "process/capture.h"
#include "process/child.h"
#include "record/fencefile.h"

#define REASON	"this machine was cloned or restored, so its peers may know what it has forgotten: " \
		"see 10-replica in vmgend-hooks(7)"

enum {
	/* vmgenctl has bounds of its own, which are shorter. */
	FENCE_MS = 130000,
	AT_ONCE = 8,
	/*
	 * Its exit status where it is not certain that a unit asks, and what keeps it may pass; and
	 * how long it is tried again.
	 */
	IN_DOUBT = 8,
	DOUBT_MS = 120000,
	/* On a busy host, as where many machines are restored, it has taken half a minute. */
	RELOAD_MS = 90000,
	NAMES_MS = 30000,
	/* "Id=", an end of line, and an empty line. */
	NAMES_SIZE = UNITLIST_MAX * (NAME_MAX + 8),
};

/* ---- on disk ---- */

bool fencing_put(const struct unitlist *list)
{
	enum fence_result result;
	struct fence_author author;
	/* Of an earlier run, by any names. */
	bool is_stale = mask_remove_all();
	const char *unit;
	int fd, r;
	size_t i;

	/* With any number it is a change. */
	(void)fence_find_hook(&author);
	r = fence_open(PATH_STATE_DIR, true, &fd);
	for (i = 0; i < list->n; i++) {
		unit = list->entries[i].unit;
		if (!r)
			(void)fence_set(fd, unit, REASON, &author, &result);
		(void)dropin_install(unit, PATH_STATE_DIR);
		/* Nor does it know the drop-in, but that of vmgen-generator. */
		is_stale |= !dropin_is_generated(unit);
	}
	if (!r)
		close(fd);
	return is_stale;
}

/* ---- in the service manager ---- */

static int reload(void)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };

	return capture_output(argv, environ, RELOAD_MS, NULL, 0) ? -EIO : 0;
}

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

static void hold_some(const struct unitlist *list, size_t first, bool again,
		      int results[UNITLIST_MAX])
{
	size_t i, end = list->n - first < AT_ONCE ? list->n : first + AT_ONCE;
	pid_t pids[AT_ONCE] = { 0 };

	for (i = first; i < end; i++)
		if (results[i])
			pids[i - first] = begin_fence(list->entries[i].unit, again);
	for (i = first; i < end; i++)
		if (results[i])
			results[i] = end_fence(pids[i - first]);
}

static bool some_in_doubt(const struct unitlist *list, const int results[UNITLIST_MAX])
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (results[i] == IN_DOUBT)
			return true;
	return false;
}

void fencing_hold(const struct unitlist *list, bool is_stale, int ret_results[UNITLIST_MAX])
{
	const struct timespec pause = { .tv_sec = 1 };
	int64_t deadline;
	bool again = false;
	size_t i;

	/* Once for all drop-ins, or vmgenctl would for each. Meanwhile it answers nobody. */
	if (is_stale)
		(void)reload();
	deadline = deadline_in(DOUBT_MS);
	for (i = 0; i < list->n; i++)
		ret_results[i] = IN_DOUBT;
	for (;; again = true) {
		for (i = 0; i < list->n && (!again || deadline_left(deadline)); i += AT_ONCE)
			hold_some(list, i, again, ret_results);
		if (!some_in_doubt(list, ret_results) || !deadline_left(deadline))
			break;
		/* One that is busy answers later, and vmgenctl waits longer for who is no hook. */
		(void)unsetenv("VMGEN_GENERATION");
		(void)nanosleep(&pause, NULL);
	}
}

/* ---- masks ---- */

/* The real names of n units, from one answer for all, so that there is one wait. */
static bool ask_names(const char *const units[], size_t n, char names[][NAME_MAX + 1])
{
	const char *argv[UNITLIST_MAX + 5] = { "systemctl", "show", "--property=Id", "--" };
	static char output[NAMES_SIZE];
	char block[NAME_MAX + 8], id[NAME_MAX + 1];
	const char *rest = output;
	size_t i;

	memcpy(argv + 4, units, n * sizeof(*units));
	if (capture_output(argv, environ, NAMES_MS, output, sizeof(output)))
		return false;
	for (i = 0; i < n && manager_block(&rest, block, sizeof(block)); i++) {
		manager_value(block, "Id", id, sizeof(id));
		if (unitname_complete(id, names[i]) || strcmp(id, names[i]))
			snprintf(names[i], sizeof(names[i]), "%s", units[i]);
	}
	return i == n;
}

/*
 * An alias that is masked is none any more, so the unit itself starts, and without what has the
 * alias ask. Where the service manager does not say which unit that is, or does not know it for
 * the mask of an earlier run, both are masked, as the files have it.
 */
static int mask_some(const char *const units[], size_t n)
{
	static char names[UNITLIST_MAX][NAME_MAX + 1];
	bool answered = ask_names(units, n, names);
	const char *name;
	int r = 0, put;
	size_t i;

	for (i = 0; i < n; i++) {
		name = answered ? names[i] : units[i];
		put = mask_put(name);
		if (!put && !strcmp(name, units[i]) && alias_follow(units[i], names[i]))
			put = mask_put(names[i]);
		if (put)
			r = put;
	}
	return r;
}

int fencing_mask(const struct unitlist *list, const int results[UNITLIST_MAX])
{
	const char *units[UNITLIST_MAX];
	int r, reloaded;
	size_t i, n = 0;

	for (i = 0; i < list->n; i++)
		if (results[i] && results[i] != FENCING_MISSING)
			units[n++] = list->entries[i].unit;
	/* Meanwhile it answers nobody, so not for nothing. */
	if (!n)
		return 0;
	r = mask_some(units, n);
	reloaded = reload();
	return r ? r : reloaded;
}
