/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Guards that are executed before there is a change and wait for it, under a whole
 * vmgend on a device that is played.
 */
#include "standing.h"

/* Of who keeps the guards in memory. */
static bool stands_back(pid_t guardian)
{
	pid_t pinner = 0;
	int i;

	for (i = 0; i < SCRATCH_LOOKS && (!pinner || sched_getscheduler(pinner)); i++) {
		pinner = child_named(guardian, "vmgend-pinner");
		usleep(10000);
	}
	return i < SCRATCH_LOOKS;
}

static void test_handed(void)
{
	const char *text;
	pid_t pid, first;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	ok(first, "a guard is executed while nothing has happened");
	ok(stands_back(wait_for_guardian(pid, 0)), "who keeps it in memory is in no hurry");
	expect("10-waits.before", "0 argument(s), policy 0, of a child 0, nice -5, input socket: PATH=",
	       "beside other programs");
	expect("10-waits.before", " LANG=C.UTF-8 VMGEN_STANDBY=1\n", "and told nothing else");
	/* Its time begins with the change. */
	*clock_ahead_sec += 1000;
	text = told("stood by", first);
	played_change();
	expect("10-waits.told", text, "at the change it is told");
	expect("10-waits.after", "0 argument(s), policy 2, of a child 0, nice -5, input /dev/n: PATH=",
	   "before all programs, unlike what it starts, and without input");
	ok(!strstr(scratch_read("10-waits.after"), "STANDBY"), "and what it starts does not wait");
	expect("10-waits.after", " VMGEN_EVENT=changed VMGEN_GENERATION=2 VMGEN_SOURCE=vmgenid VMGEN_HINT=unknown VMGEN_INTENT= VMGEN_NAME= VMGEN_ID_HASH=",
	   "it has the environment of any hook");
	first = stands("10-waits.stands", 2);
	text = told("stood by", first);
	played_change();
	expect("10-waits.told", text, "so has the next one at the next change");
	equal(lines("10-waits.told"), 2, "each change is told once");
	ok(!lines("10-waits.executed"), "and nothing was executed late");
	first = stands("10-waits.stands", 3);
	finish(pid);
	ok(ends(first), "the last one does not outlive vmgend");
	clear("10-waits");
}

static void test_killed(void)
{
	const char *text;
	pid_t pid, first;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	(void)kill(first, SIGKILL);
	expect("log", "10-waits: ended while it stood by (signal 9); it is started again at the change",
	       "one that is killed meanwhile is named");
	text = told("executed", 0);
	played_change();
	expect("10-waits.told", text, "and executed at the change");
	first = stands("10-waits.stands", 2);
	ok(first, "for the next one another stands by");
	ok(comes("log", "generation 4 is handled"), "that change is handled");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(ends(first), "which ends when vmgend is killed");
	clear("10-waits");
}

static void test_instances(void)
{
	pid_t pid, first, second;
	const char *text;

	place("11-long");
	pid = begin();
	first = stands("11-long.stands", 1);
	text = told("stood by", first);
	played_change();
	expect("11-long.told", text, "one is told, and does not end");
	second = stands("11-long.stands", 2);
	ok(second && !kill(first, 0), "beside it another stands by");
	scratch_write("finish", "", 0600);
	text = told("stood by", second);
	played_change();
	expect("11-long.told", text, "which is told of the next change");
	ok(kill(first, 0) && errno == ESRCH, "after the first was killed");
	ok(ends(second), "and ends by itself");
	(void)unlink(scratch_path("finish"));
	finish(pid);
	clear("11-long");
}

static void test_replaced(void)
{
	pid_t pid, first, second, guardian;
	const char *text;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	place("10-waits");
	/* File and settings may be seen one after the other, and make two of them. */
	second = stands("10-waits.stands", 2);
	ok(second && ends(first), "one whose file is replaced makes way for another");
	guardian = wait_for_guardian(pid, 0);
	(void)kill(pid, SIGHUP);
	ok(wait_for_guardian(pid, guardian) && ends(second), "so it does when vmgend is reloaded");
	ok(stands("10-waits.stands", 3), "and there is another");
	text = told("stood by", 0);
	played_change();
	expect("10-waits.told", text, "which is told");
	finish(pid);
	equal(lines("10-waits.told"), 1, "and no other");
	clear("10-waits");
}

static void test_others(void)
{
	static const char *const notes[] = {
		"12-user.stands", "12-user.executed", "12-user.before", "12-user.told", "12-user.after",
	};
	const char *text;
	size_t i;
	pid_t pid;

	place("10-waits");
	place("12-user");
	place("30-later");
	scratch_write("settings/12-user.conf", "[hook]\nstandby=yes\nuser=nobody\n", 0644);
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		scratch_write(notes[i], "", 0666);
	pid = begin();
	ok(stands("10-waits.stands", 1), "a guard of root's stands by");
	text = told("executed", 0);
	played_change();
	expect("30-later.told", text, "a hook that is no guard is executed at its turn");
	ok(!lines("30-later.stands"), "and does not stand by");
	expect("12-user.told", text, "so is a guard of another user");
	ok(!lines("12-user.stands"), "and does not either");
	finish(pid);
	clear("30-later");
	clear("12-user");
	clear("10-waits");
}

int main(int argc, char **argv)
{
	if (strstr(argv[0], "/hooks/"))
		return be_hook(argc, argv);
	if (setpriority(PRIO_PROCESS, 0, -5))
		return 1;
	guarded_create();
	remove_hook("10-guard");
	test_handed();
	test_killed();
	test_instances();
	test_replaced();
	test_others();
	return tap_done();
}
