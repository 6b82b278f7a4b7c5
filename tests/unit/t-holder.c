/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whose a guard is: of one handle, and while it is run of one thread of one process,
 * with any process ID.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "renewed.h"

/* All processes have one ID, and their threads the same, as in PID name spaces. */
static bool alike;

/* Instead of libc's. */
pid_t getpid(void)
{
	return alike ? 1 : (pid_t)syscall(SYS_getpid);
}

pid_t gettid(void)
{
	return alike ? 1 : (pid_t)syscall(SYS_gettid);
}

static void test_fork(const char *name)
{
	struct long_run l = { .result = 99 };
	pthread_t runner;
	pid_t child;
	int status;

	change();
	runner = start_long(&l);
	child = fork();
	if (child == 0) {
		/* It would wait for a thread that it does not have. */
		alarm(20);
		status = run(&l.s) == 1 && run(&l.s) == 0;
		_exit(status ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		scratch_give_up("child");
	equal(status, 0, name);
	sem_post(&l.end);
	pthread_join(runner, NULL);
	equal(l.result, 1, "its parent is not disturbed");
	equal(run(&l.s), 0, "and has been renewed");
}

/* Emulators let every advice pass, or take none for memory such as this. */
static bool forks_wipe(void)
{
	static unsigned char room[2 * 65536] __attribute__((aligned(4096)));
	unsigned char *of_room = room + (-(uintptr_t)room & (page_size() - 1));
	bool wipe = madvise(of_room, page_size(), -1) < 0 &&
		    madvise(of_room, page_size(), MADV_WIPEONFORK) == 0;

	(void)madvise(of_room, page_size(), MADV_KEEPONFORK);
	return wipe;
}

static void test_forks(void)
{
	test_fork("a child goes on where a thread it lacks held the guard");
	/* What takes the place of that knows a process by its ID. */
	alike = forks_wipe();
	test_fork("also where it has the process ID of its parent");
	alike = false;
}

/* What is wiped in a child: other libraries have a page with a 1 there, which vmgend clears. */
static void test_wiped_pages(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	int wiped = 0, alone = 0;
	unsigned long from = 0, to = 0, start, end;
	char line[1024];

	if (!f)
		scratch_give_up("/proc/self/smaps");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			from = start, to = end;
		if (strncmp(line, "VmFlags:", 8) || !strstr(line, " wf"))
			continue;
		wiped++;
		alone += to - from == page_size() || *(const uint64_t *)from;
	}
	fclose(f);
	equal(wiped, forks_wipe(), "one piece of memory is wiped in a child");
	equal(alone, 0, "it is more than a page, and begins with zeros");
}

/* The module was loaded again on a clone: its generations begin with 1 again. */
static void test_other_handle(void)
{
	struct state s = { .runs = 0 };
	struct vmgen *first = v;
	int i;

	equal(run(&s), 1, "a guard is fresh");
	if (page_open("clock", VMGEN_VMCLOCK, &v))
		scratch_give_up("clock");
	equal(run(&s), 1, "for its handle: with another one it is run");
	equal(run(&s), 0, "once");
	for (i = 0; i < 100; i++) {
		v = vmgen_close(v);
		if (page_open("clock", VMGEN_VMCLOCK, &v) || run(&s) != 1 || run(&s) != 0)
			break;
	}
	equal(i, 100, "as often as it is closed and opened");
	vmgen_close(v);
	v = first;
	equal(run(&s), 1, "so with the first one again");
}

int main(void)
{
	renewed_create();
	test_forks();
	test_wiped_pages();
	test_other_handle();
	v = vmgen_close(v);
	return tap_done();
}
