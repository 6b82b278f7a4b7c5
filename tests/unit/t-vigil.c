/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What goes wrong between vmgend, its guardian and the guards: one of them hangs,
 * is stopped, is late, or dies again and again.
 */
#include "guarded.h"

#include <sys/ptrace.h>
#include <sys/socket.h>

#include "base/deadline.h"

static bool comes_often(const char *file, const char *text)
{
	const char *found;
	int i, n = 0;

	for (i = 0; i < SCRATCH_LOOKS && n < 3; i++) {
		for (n = 0, found = scratch_read(file); (found = strstr(found, text)); n++)
			found++;
		usleep(10000);
	}
	return n >= 3;
}

/* The device is looked at every second, which must not put off the rest. */
static void test_no_poll(void)
{
	const char *generation = next(""), *text = next("changed ");
	pid_t pid;

	device->no_poll = true;
	(void)unlink(scratch_path("log"));
	pid = begin();
	(void)kill(wait_for_guardian(pid, 0), SIGKILL);
	shared->no_fork = true;
	played_change();
	ok(comes_often("log", "10-guard: not run"), "a guard that cannot begin is tried again and again");
	shared->no_fork = false;
	expect_guard(text, "and runs in the end");
	ok(comes("run/generation", generation), "and the change is handled");
	end(pid);
	device->no_poll = false;
}

static void on_signal(int signal)
{
	(void)signal;
	shared->interrupted = true;
}

static void test_interruption(void)
{
	const struct guardian_message message = { .word = GUARDIAN_BEGUN };
	const struct sigaction action = { .sa_handler = on_signal };
	struct guardian guardian = { .pid = 1 };
	struct guardian_message heard;
	int fds[2], i;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) || sigaction(SIGUSR2, &action, NULL))
		scratch_give_up("socketpair");
	pid = fork();
	if (!pid) {
		wait_for_state(getppid(), 'S');
		(void)kill(getppid(), SIGUSR2);
		/* For the signal to do harm, if it can: nothing tells that it does not. */
		for (i = 0; i < 50 && !shared->interrupted; i++)
			usleep(10000);
		_exit(send(fds[1], &message, sizeof(message), 0) < 0);
	}
	guardian.fd = fds[0];
	equal(guardian_read(&guardian, SCRATCH_LOOKS * 10, &heard), 0, "a signal does not cut short a look at the guardian");
	(void)waitpid(pid, NULL, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_dying_guardian(void)
{
	pid_t pid = begin(), guardian = 0;
	int64_t start = 0;
	int i;

	for (i = 0; i < 2; i++) {
		guardian = wait_for_guardian(pid, guardian);
		start = deadline_in(0);
		(void)kill(guardian, SIGKILL);
	}
	ok(wait_for_guardian(pid, guardian), "a guardian that dies again and again is replaced");
	ok(deadline_in(0) - start > 1500, "with longer and longer pauses");
	end(pid);
}

/* It does not end before the tracer has seen that, as if it hung in the kernel. */
static void test_hung_guardian(void)
{
	pid_t pid = begin(), guardian = wait_for_guardian(pid, 0);
	const char *generation = next("");

	ok(!ptrace(PTRACE_SEIZE, guardian, 0, 0), "a guardian that not even SIGKILL ends");
	(void)kill(guardian, SIGSTOP);
	played_change();
	expect_guard(generation, "holds no guard up");
	ok(comes("run/generation", generation), "and the change is handled");
	ok(comes("log", "the previous one hangs in the kernel"), "and it gets no company");
	ok(waitpid(guardian, NULL, __WALL) == guardian || waitpid(guardian, NULL, __WALL) == guardian,
	   "it ends");
	ok(wait_for_guardian(pid, guardian), "and there is another one");
	end(pid);
}

static void test_silent_guardian(void)
{
	const char *generation = next("");
	pid_t pid, guardian;
	unsigned int n;
	int i;

	hook("14-long", "echo $VMGEN_GENERATION >>long; until [ -e go ]; do sleep 0.01; done");
	(void)unlink(scratch_path("go"));
	pid = begin();
	guardian = wait_for_guardian(pid, 0);
	n = shared->n_begun;
	played_change();
	ok(comes("long", generation), "guards run");
	ok(comes("state/state.json", "\"run\""), "and vmgend waits for them");
	/* Otherwise it is lost earlier. */
	for (i = 0; i < SCRATCH_LOOKS && shared->n_begun == n; i++)
		usleep(10000);
	ok(shared->n_begun != n, "of which it hears that they have begun");
	(void)kill(guardian, SIGSTOP);
	scratch_write("go", "", 0600);
	/* It may not have looked at the clock yet, so that goes on more than once. */
	for (i = 0; i < SCRATCH_LOOKS && !strstr(scratch_read("run/generation"), generation); i++) {
		*clock_ahead_sec += i % 100 ? 0 : 1000;
		usleep(10000);
	}
	ok(i < SCRATCH_LOOKS, "a guardian that tells no end is not waited for");
	end(pid);
	remove_hook("14-long");
	(void)unlink(scratch_path("guard"));
}

static void test_late_vmgend(void)
{
	const char *first, *second;
	pid_t pid = begin(), lock;

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	lock = lock_state();
	first = next("changed ");
	played_change();
	expect_guard(first, "a guard runs while vmgend cannot go on");
	second = next("changed ");
	played_change();
	expect_guard(second, "and for the next change");
	unlock_state(lock);
	ok(comes("run/generation", second + strlen("changed ")), "vmgend can go on");
	ok(access(scratch_path("guard"), F_OK), "and asks for no older guard after a newer one");
	end(pid);
}

static void test_late_guard(void)
{
	const char *first, *second;
	pid_t pid = begin(), keeper;

	keeper = child_named(wait_for_guardian(pid, 0), "vmgend-keeper");
	(void)kill(keeper, SIGSTOP);
	wait_for_state(keeper, 'T');
	first = next("");
	played_change();
	ok(comes("state/state.json", "\"run\""), "a guard that is held up does not run");
	second = next("changed ");
	played_change();
	expect_guard(second, "it does at the next change");
	ok(comes("run/generation", second + strlen("changed ")), "which is handled");
	(void)kill(keeper, SIGCONT);
	for (int i = 0; i < SCRATCH_LOOKS && !kill(keeper, 0); i++)
		usleep(10000);
	ok(!strstr(scratch_read("guard"), first), "and afterwards not for the older change");
	end(pid);
	(void)unlink(scratch_path("guard"));
}

static void test_user(void)
{
	pid_t pid, keeper, standby = 0;
	struct stat st;
	char path[32];
	int i;

	scratch_write("settings/16-user.conf", "[hook]\nuser=nobody\n", 0644);
	hook("16-user", "id -un");
	remove_hook("10-guard");
	pid = begin();
	keeper = child_named(wait_for_guardian(pid, 0), "vmgend-keeper");
	for (i = 0; i < SCRATCH_LOOKS / 10 && !standby; i++) {
		standby = child_named(keeper, "vmgend-keeper");
		/*
		 * For it to become another user, if it did so early: nothing tells that it
		 * does not. One that looks the user up has ended by then, mostly.
		 */
		usleep(100000);
		snprintf(path, sizeof(path), "/proc/%d", (int)standby);
		if (stat(path, &st))
			standby = 0;
	}
	ok(standby && !st.st_uid, "what stands by for a user is none of that user's");
	played_change();
	ok(comes("log", "16-user| nobody"), "and becomes that user when it goes");
	end(pid);
	remove_hook("16-user");
	hook("10-guard", "echo $VMGEN_EVENT $VMGEN_GENERATION >>guard");
}

static void test_no_id(void)
{
	pid_t pid = begin(), guardian = wait_for_guardian(pid, 0);
	const char *text;

	device->no_id = true;
	played_change();
	ok(comes("log", "the host provides no ID now"), "a change brings no ID");
	device->no_id = false;
	text = next("changed ");
	played_change();
	expect_guard(text, "the next one does");
	ok(wait_for_guardian(pid, 0) == guardian, "which the same guardian has noticed");
	end(pid);
}

/* More than a socket takes. */
enum { MANY = 160 };

static void test_many(void)
{
	char name[32];
	const char *generation = next("");
	pid_t pid;
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "15-many%d", i);
		hook(name, "echo >>many");
	}
	pid = begin();
	ok(wait_for_guardian(pid, 0), "many guards stand by");
	(void)kill(pid, SIGSTOP);
	played_change();
	for (i = 0; i < SCRATCH_LOOKS && strlen(scratch_read("many")) < MANY; i++)
		usleep(10000);
	(void)kill(pid, SIGCONT);
	ok(comes("run/generation", generation), "the ends of many guards are heard of late");
	end(pid);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "15-many%d", i);
		remove_hook(name);
	}
	(void)unlink(scratch_path("guard"));
}

/* It was begun by a guardian, which is gone by then. */
static void test_going_on(void)
{
	pid_t pid;

	hook("11-goes-on", ": >begun; until [ -e finish ]; do sleep 0.01; done; echo done >went-on");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	played_change();
	ok(appears("begun"), "and runs");
	end(pid);
	scratch_write("finish", "", 0600);
	ok(comes("went-on", "done"), "it goes on to its end although vmgend was stopped");
	remove_hook("11-goes-on");
}

int main(void)
{
	guarded_create();
	test_interruption();
	test_dying_guardian();
	test_no_poll();
	test_hung_guardian();
	test_silent_guardian();
	test_late_vmgend();
	test_late_guard();
	test_user();
	test_no_id();
	test_many();
	test_going_on();
	return tap_done();
}
