/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks that somebody replaces by a link, and back, without end: between the
 * listing and the check, and between the check and the execution.
 */
#include <linux/fs.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config/hook.h"
#include "rig.h"

enum { HOOKS = 10, RUNS = 5, LOOKS = 20000 };

static void __attribute__((noreturn)) swap_for_ever(void)
{
	int i;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0;; i = (i + 1) % HOOKS) {
		if (syscall(SYS_renameat2, AT_FDCWD, scratch_path("hooks/10-swap%d", i), AT_FDCWD,
			      scratch_path("links/%d", i), RENAME_EXCHANGE))
			_exit(1);
	}
}

static void prepare(void)
{
	char name[32];
	int i;

	clean_hooks();
	scratch_mkdir("links", 0755);
	hook("10-evil", "touch out-evil");
	/* Nobody may be made to run it by its own name. */
	(void)rename(scratch_path("hooks/10-evil"), scratch_path("evil"));
	for (i = 0; i < HOOKS; i++) {
		snprintf(name, sizeof(name), "10-swap%d", i);
		hook(name, "echo >>out-fair");
		(void)!symlink(scratch_path("evil"), scratch_path("links/%d", i));
	}
}

/* What the check lets pass is what it has looked at. */
static void test_check(void)
{
	struct hook swapped = { .name = "10-swap0", .directory = scratch_path("hooks") };
	char reason[HOOK_REASON_SIZE];
	size_t i, passed = 0, refused = 0, wrong = 0;
	struct stat st, evil;
	int fd;

	if (stat(scratch_path("evil"), &evil))
		scratch_give_up("evil");
	for (i = 0; i < LOOKS; i++) {
		if (hook_open(&swapped, &fd, reason)) {
			refused++;
			continue;
		}
		passed++;
		wrong += fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino == evil.st_ino;
		close(fd);
	}
	equal(wrong, 0, "what a link leads to never passes");
	ok(passed && refused, "%zu passed, %zu were refused", passed, refused);
}

/* What is executed is what has passed. */
static void test_run(void)
{
	size_t i, run, unusable = 0, succeeded = 0, masked = 0;

	for (run = 0; run < RUNS; run++) {
		begin_record(EVENT_CHANGED);
		run_hooks();
		masked += HOOKS - record.n_results;
		for (i = 0; i < record.n_results; i++) {
			unusable += record.results[i].outcome == OUTCOME_UNUSABLE;
			succeeded += record.results[i].outcome == OUTCOME_SUCCEEDED;
		}
	}
	ok(access(scratch_path("out-evil"), F_OK), "what a link leads to never ran");
	equal(masked, 0, "a link to anything but /dev/null is no mask");
	equal(unusable + succeeded, HOOKS * RUNS, "each hook ran or was refused");
	ok(unusable && succeeded, "%zu ran, %zu were refused", succeeded, unusable);
	equal(strlen(scratch_read("out-fair")), succeeded, "those that are said to have run did");
}

int main(void)
{
	pid_t swapper;
	int status;

	rig_create();
	prepare();
	swapper = fork();
	if (!swapper)
		swap_for_ever();
	test_check();
	test_run();
	ok(!waitpid(swapper, &status, WNOHANG), "the hooks were swapped all the time");
	(void)kill(swapper, SIGKILL);
	(void)waitpid(swapper, &status, 0);
	rig_clear();
	return tap_done();
}
