/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Guards that stand by, and do something else than to wait: they hold nobody up, and are ended.
 */
#include "standing.h"

/* What ends at once is executed once for each change, and once to stand by. */
static void test_crash(void)
{
	const char *text;
	pid_t pid;

	place("10-waits");
	place("11-crash");
	place("11-script");
	pid = begin();
	expect("log", "11-crash: ended while it stood by (signal 6)", "one that crashes at once is named");
	expect("log", "11-script: ended while it stood by (exit status 0)", "so is one that does not wait");
	ok(stands("10-waits.stands", 1), "neither holds another one up");
	text = told("executed", 0);
	played_change();
	expect("11-crash.told", text, "at the change the first is executed");
	expect("11-script.told", text, "and the second");
	ok(stands("10-waits.stands", 2) && stands("11-crash.stands", 2) && stands("11-script.stands", 2),
	   "all stand by again for the next change");
	played_change();
	ok(stands("10-waits.stands", 3) && stands("11-crash.stands", 3), "and again");
	equal(lines("11-crash.stands"), 3, "once for each change, however often that goes wrong");
	finish(pid);
	clear("11-crash");
	clear("11-script");
	clear("10-waits");
}

static void test_timeout(void)
{
	pid_t pid, deaf, slow;
	const char *text;

	place("10-waits");
	place("11-deaf");
	place("11-long");
	pid = begin();
	deaf = stands("11-deaf.stands", 1);
	slow = stands("11-long.stands", 1);
	text = told("stood by", stands("10-waits.stands", 1));
	played_change();
	expect("10-waits.told", text, "a guard that never reads holds no other up");
	expect("11-long.told", "changed", "nor does one that never ends");
	ok(times_out("11-deaf") && times_out("11-long"), "both have their time from the change on");
	ok(ends(deaf) && ends(slow), "and are gone then");
	finish(pid);
	clear("11-deaf");
	clear("11-long");
	clear("10-waits");
}

/* It has been handed its environment, and dies before it has read that. */
static void test_unread(void)
{
	pid_t pid, late;
	const char *text;

	place("10-waits");
	place("11-late");
	pid = begin();
	late = stands("11-late.stands", 1);
	ok(stands("10-waits.stands", 1), "guards stand by");
	text = told("executed", 0);
	played_change();
	expect("10-waits.told", "changed", "there is a change");
	(void)kill(late, SIGKILL);
	expect("11-late.told", text, "one that dies before it has heard of that is executed");
	ok(comes("log", "11-late: succeeded"), "which is all that counts");
	finish(pid);
	clear("11-late");
	clear("10-waits");
}

/* More than a pipe takes, before there is anything to tell. */
static void test_loud(void)
{
	const char *text;
	pid_t pid;

	place("11-loud");
	pid = begin();
	text = told("stood by", stands("11-loud.stands", 1));
	played_change();
	expect("11-loud.told", text, "what it has printed before it begins does not keep it from that");
	expect("log", "11-loud| on and on", "and is shown then");
	finish(pid);
	clear("11-loud");
}

/* On one CPU, which it never leaves by itself. */
static void test_spins(void)
{
	cpu_set_t before, one;
	pid_t pid, spins;
	char text[128];
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		scratch_give_up("affinity");
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	place("10-waits");
	place("11-spins");
	(void)sched_setaffinity(0, sizeof(one), &one);
	pid = begin();
	(void)sched_setaffinity(0, sizeof(before), &before);
	spins = stands("11-spins.stands", 1);
	strcpy(text, told("stood by", stands("10-waits.stands", 1)));
	played_change();
	expect("11-spins.told", "changed", "one is told, and goes on and on");
	expect("10-waits.told", text, "which holds no other up");
	ok(times_out("11-spins") && ends(spins), "nor who ends it when its time is over");
	finish(pid);
	clear("11-spins");
	clear("10-waits");
}

/* No matter what they do while they stand by. */
static void test_odd(void)
{
	static const char *const names[] = { "11-bursts", "11-leaves", "11-loud", "11-shut", "11-stops" };
	enum { N = sizeof(names) / sizeof(names[0]) };
	pid_t pid, guardian, first[N], second[N];
	char file[32];
	size_t i;

	for (i = 0; i < N; i++)
		place(names[i]);
	pid = begin();
	guardian = wait_for_guardian(pid, 0);
	for (i = 0; i < N; i++) {
		snprintf(file, sizeof(file), "%s.stands", names[i]);
		first[i] = stands(file, 1);
	}
	(void)kill(first[N - 1], SIGSTOP);
	ok(comes("log", "11-leaves: ended while it stood by"), "one leaves a process behind that prints");
	(void)kill(pid, SIGHUP);
	ok(wait_for_guardian(pid, guardian), "vmgend is reloaded");
	for (i = 0; i < N; i++) {
		snprintf(file, sizeof(file), "%s.stands", names[i]);
		second[i] = stands(file, 2);
		ok(second[i] && ends(first[i]), "%s makes way for another", names[i]);
	}
	(void)kill(second[N - 1], SIGSTOP);
	played_change();
	for (i = 0; i < N - 1; i++) {
		snprintf(file, sizeof(file), "%s.told", names[i]);
		expect(file, strcmp(names[i], "11-loud") ? "executed" : "stood by", "which runs at a change");
	}
	ok(times_out("11-stops") && ends(second[N - 1]), "one that was stopped is ended");
	finish(pid);
	for (i = 0; i < N; i++)
		clear(names[i]);
}

int main(int argc, char **argv)
{
	if (strstr(argv[0], "/hooks/"))
		return be_hook(argc, argv);
	if (setpriority(PRIO_PROCESS, 0, -5))
		return 1;
	guarded_create();
	remove_hook("10-guard");
	test_crash();
	test_timeout();
	test_unread();
	test_loud();
	test_spins();
	test_odd();
	return tap_done();
}
