/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Guards come first, no matter what else hangs: a whole vmgend on a device that is
 * played, beside a lock that is held, a hook that does not end, processes that
 * cannot be forked.
 */
#include "guarded.h"

static void test_locked_state(void)
{
	pid_t pid = begin(), holder;

	ok(comes("run/generation", "1"), "vmgend watches");
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	holder = lock_state();
	played_change();
	expect_guard("changed 2", "a guard runs while the state is locked");
	ok(!strstr(scratch_read("run/generation"), "2"), "which is not taken for handled yet");
	unlock_state(holder);
	ok(comes("run/generation", "2"), "the rest follows when the lock is free");
	ok(strstr(scratch_read("state/state.json"), "\"10-guard\":{\n        \"outcome\":\"succeeded\""),
	   "and tells that the guard ran");
	end(pid);
}

static void test_overtaking(void)
{
	pid_t pid;

	hook("80-slow", "echo $VMGEN_GENERATION >>slow; until [ -e go ]; do sleep 0.01; done");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	played_change();
	expect_guard("changed 3", "a guard runs");
	ok(comes("slow", "3"), "a long hook is at work");
	played_change();
	expect_guard("changed 4", "the guard of the next change overtakes it");
	ok(!strstr(scratch_read("slow"), "4"), "other hooks do not");
	scratch_write("go", "", 0600);
	ok(comes("run/generation", "4"), "the newer change is handled in the end");
	ok(strstr(scratch_read("slow"), "4"), "and the long hook ran for it, too");
	ok(!strstr(scratch_read("guard"), "4"), "and the guard not once more");
	end(pid);
	remove_hook("80-slow");
}

static void test_instances(void)
{
	char first[32];
	pid_t pid;

	hook("11-long", "[ -e pid ] && kill -0 $(cat pid) && echo >beside\n"
	     "echo $$ >new; mv new pid; [ -e finish ] || exec sleep 1000");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	played_change();
	expect_guard("changed 5", "a guard runs");
	ok(appears("pid"), "beside one that does not end");
	snprintf(first, sizeof(first), "%s", scratch_read("pid"));
	scratch_write("finish", "", 0600);
	played_change();
	expect_guard("changed 6", "that holds no other up at the next change");
	ok(comes("run/generation", "6"), "and is ended for its next instance");
	ok(strcmp(scratch_read("pid"), first), "which runs");
	ok(access(scratch_path("beside"), F_OK), "never beside the older one");
	ok(kill(atoi(first), 0) && errno == ESRCH, "which is gone");
	end(pid);
	remove_hook("11-long");
	(void)unlink(scratch_path("finish"));
}

static void test_list(void)
{
	pid_t pid = begin();

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	hook("12-new", "echo $VMGEN_GENERATION >>new");
	played_change();
	ok(comes("new", "7"), "a guard that has just come runs");
	ok(comes("run/generation", "7"), "and the change is handled");
	hook("12-new", "echo other $VMGEN_GENERATION >>new");
	played_change();
	ok(comes("new", "other 8"), "so does one that has just been replaced");
	ok(comes("run/generation", "8"), "and the change is handled");
	ok(!strstr(scratch_read("new"), "\n8"), "and not the one that was there before");
	(void)chmod(scratch_path("hooks/12-new"), 0757);
	played_change();
	ok(comes("run/generation", "9"), "a change is handled");
	ok(strstr(scratch_read("log"), "12-new can be written by others"), "what others can write is named");
	ok(!strstr(scratch_read("new"), "9"), "and not executed");
	end(pid);
	remove_hook("12-new");
	(void)unlink(scratch_path("guard"));
}

static void test_unknown(void)
{
	pid_t holder = lock_state(), pid = begin();

	expect_guard("unknown 9", "guards run if the record cannot be read in time");
	unlock_state(holder);
	ok(comes("run/status.json", "\"activity\":\"watching\""), "and nothing else when it can");
	end(pid);
	ok(!strstr(scratch_read("guard"), "9"), "and not twice");
}

static void test_no_fork(void)
{
	pid_t pid = begin();

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	shared->no_fork = true;
	hook("13-late", "echo $VMGEN_GENERATION >late");
	ok(comes("log", "13-late: cannot be prepared"), "a guard comes that cannot stand by");
	played_change();
	expect_guard("changed 10", "what stands by needs no fork");
	ok(comes("log", "13-late: not run: cannot start a process"), "what does not cannot begin");
	ok(comes("run/status.json", "\"outcome\":\"lost\""), "which the status tells");
	ok(strstr(scratch_read("run/status.json"), "\"handled\":false"), "and the change is not handled");
	ok(!strstr(scratch_read("run/generation"), "10"), "and nobody is told that it were");
	shared->no_fork = false;
	ok(comes("late", "10"), "it is tried again");
	ok(comes("run/generation", "10"), "and when it has run the change is handled");
	end(pid);
	remove_hook("13-late");
	(void)unlink(scratch_path("guard"));
}

static void test_killed_guardian(void)
{
	pid_t pid = begin(), guardian = wait_for_guardian(pid, 0);

	ok(guardian, "a guard stands by");
	(void)kill(guardian, SIGKILL);
	played_change();
	expect_guard("changed 11", "without the guardian the guards run all the same");
	ok(comes("run/generation", "11"), "and the change is handled");
	ok(wait_for_guardian(pid, guardian), "there is another guardian after a while");
	played_change();
	expect_guard("changed 12", "and the next change is as any other");
	ok(comes("run/generation", "12"), "and handled");
	guardian = wait_for_guardian(pid, 0);
	(void)kill(guardian, SIGSTOP);
	played_change();
	expect_guard("changed 13", "a guardian that hangs holds nothing up for good");
	ok(comes("run/generation", "13"), "and the change is handled");
	end(pid);
}

static void test_unusable(void)
{
	pid_t pid = begin();

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	scratch_write("hooks/16-later", "#!/bin/sh\n", 0644);
	ok(comes("log", "16-later: not ready for a change: "), "a guard comes that is not executable");
	ok(!strstr(scratch_read("log"), "16-later: not run"), "and nobody says that it did not run");
	played_change();
	ok(comes("run/generation", "19"), "until there is a change");
	ok(strstr(scratch_read("log"), "16-later: not run: "), "then it is told");
	end(pid);
	remove_hook("16-later");
}

static void test_together(void)
{
	pid_t pid;

	hook("00-first", "touch first; until [ -e last ]; do sleep 0.01; done");
	hook("19-last", "touch last; until [ -e first ]; do sleep 0.01; done; sleep 0.2; touch over");
	hook("20-next", "[ -e over ]");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "guards stand by");
	played_change();
	ok(comes("run/generation", "14"), "the guards begin at once, whatever their numbers");
	ok(strstr(scratch_read("log"), "20-next: succeeded"), "and other hooks when all have ended");
	end(pid);
	remove_hook("00-first");
	remove_hook("19-last");
	remove_hook("20-next");
	(void)unlink(scratch_path("guard"));
}

static void test_change_while_down(void)
{
	pid_t holder, pid;

	played_change();
	holder = lock_state();
	pid = begin();
	expect_guard("unknown 15", "guards run if the record cannot be read in time");
	unlock_state(holder);
	expect_guard("changed 15", "and again when it tells that there was a change");
	ok(comes("run/generation", "15"), "which is handled");
	end(pid);
}

static void test_drill(void)
{
	pid_t pid, drill;

	hook("11-drill", "[ $VMGEN_EVENT = test ] || exit 0\necho $$ >new; mv new drill; exec sleep 1000");
	pid = begin();
	ok(comes("run/status.json", "\"activity\":\"watching\""), "vmgend watches");
	ok(wait_for_guardian(pid, 0), "guards stand by");
	scratch_write("run/trigger", "{\"id\":\"a-1\",\"real\":false}", 0600);
	(void)kill(pid, SIGUSR1);
	ok(appears("drill"), "a guard of a drill is at work");
	drill = atoi(scratch_read("drill"));
	played_change();
	expect_guard("changed 16", "which holds none up");
	ok(comes("run/generation", "16"), "and is ended for the change");
	ok(kill(drill, 0) && errno == ESRCH, "so that it is gone");
	end(pid);
	remove_hook("11-drill");
}

static pid_t wait_for_child(pid_t parent, const char *name, pid_t other_than)
{
	pid_t pid = 0;
	int i;

	for (i = 0; i < SCRATCH_LOOKS && (!pid || pid == other_than); i++) {
		pid = child_named(parent, name);
		usleep(10000);
	}
	return pid == other_than ? 0 : pid;
}

static void test_reload(void)
{
	pid_t pid = begin(), guardian = wait_for_guardian(pid, 0);

	ok(guardian && wait_for_child(guardian, "vmgend-pinner", 0), "a process keeps the guards in memory");
	(void)kill(pid, SIGHUP);
	ok(wait_for_guardian(pid, guardian), "SIGHUP brings another guardian");
	played_change();
	expect_guard("changed 17", "which runs the guards");
	ok(comes("run/generation", "17"), "and the change is handled");
	end(pid);
}

static void test_killed_keeper(void)
{
	pid_t pid;

	hook("14-orphan", "echo $VMGEN_GENERATION >>began; echo $PPID >new-keeper; mv new-keeper keeper\n"
	     "until [ -e finish ]; do sleep 0.01; done");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	played_change();
	ok(appears("keeper"), "a guard runs");
	(void)kill(atoi(scratch_read("keeper")), SIGKILL);
	ok(comes("began", "18\n18"), "it runs again if its keeper is killed");
	scratch_write("finish", "", 0600);
	ok(comes("run/generation", "18"), "and the change is handled");
	ok(!shared->guardian_locks, "the guardian has waited for no lock, not here and not before");
	end(pid);
	remove_hook("14-orphan");
}

static void test_killed_helpers(void)
{
	static const char *const names[] = { "vmgend-keeper", "vmgend-pinner" };
	pid_t pid = begin(), guardian = wait_for_guardian(pid, 0), helper;
	size_t i;

	for (i = 0; i < 2; i++) {
		helper = wait_for_child(guardian, names[i], 0);
		ok(helper && !kill(helper, SIGKILL), "%s is killed while nothing happens", names[i]);
		ok(wait_for_child(guardian, names[i], helper), "another one takes its place");
	}
	end(pid);
}

int main(void)
{
	guarded_create();
	test_locked_state();
	test_overtaking();
	test_instances();
	test_list();
	test_unknown();
	test_no_fork();
	test_killed_guardian();
	test_together();
	test_change_while_down();
	test_drill();
	test_reload();
	test_killed_keeper();
	test_unusable();
	test_killed_helpers();
	return tap_done();
}
