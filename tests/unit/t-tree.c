/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Anyone who is taken for a descendant, no matter what processes call themselves, and that
 * nothing escapes that starts others all the time.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/tree.h"
#include "tap.h"

enum { LIMIT_SEC = 60, HOPS_LIMIT = 200000 };

/* What the processes of a test tell each other. */
static volatile struct {
	unsigned int hops;
	int ready, go, helps, asked;
} *shared;

static pid_t sleeper(const char *name)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(LIMIT_SEC);
	(void)prctl(PR_SET_NAME, name);
	__sync_fetch_and_add(&shared->ready, 1);
	for (;;)
		pause();
}

/* Never the same process for long, and never in the same session. */
static void hop(void)
{
	pid_t pid = fork();

	if (pid)
		return;
	/* Not for ever, should one escape. */
	while (__sync_fetch_and_add(&shared->hops, 1) < HOPS_LIMIT) {
		(void)setsid();
		pid = fork();
		if (pid > 0)
			_exit(0);
	}
	_exit(1);
}

static void wait_until_ready(int n)
{
	while (shared->ready < n)
		usleep(1000);
}

/* Runs part of a test as a subreaper, which ends if the part does not. */
static pid_t fork_keeper(int (*part)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	alarm(LIMIT_SEC);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	_exit(part());
}

static int status_of(pid_t keeper)
{
	int status;

	if (waitpid(keeper, &status, 0) != keeper)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int as_keeper(int (*part)(void))
{
	return status_of(fork_keeper(part));
}

/* Returns when there is no descendant any more. */
static void wait_for_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static int end_odd_names(void)
{
	static const char *const names[] = { "x) Z 1 (", ") X 1 1", "a\n1 (b) Z 1", "))))", "" };
	enum { N = sizeof(names) / sizeof(names[0]) };
	struct tree tree;
	size_t i;

	shared->ready = 0;
	for (i = 0; i < N; i++)
		(void)sleeper(names[i]);
	wait_until_ready(N);
	if (tree_signal(SIGKILL, &tree) || tree.alive.n_processes != N)
		return 1;
	wait_for_all();
	return tree_signal(0, &tree) || tree.alive.n_processes;
}

static int end_odd_names_beside_stranger(void)
{
	/* A stranger that says it is a child of this process. */
	while (!shared->go)
		usleep(1000);
	return end_odd_names();
}

static void test_names(void)
{
	char name[32];
	pid_t keeper, stranger;

	equal(as_keeper(end_odd_names), 0, "a descendant may call itself what it likes");
	shared->ready = 0;
	keeper = fork_keeper(end_odd_names_beside_stranger);
	snprintf(name, sizeof(name), ") S %d (", (int)keeper);
	stranger = sleeper(name);
	wait_until_ready(1);
	shared->go = 1;
	equal(status_of(keeper), 0, "a stranger that says it is a child is not counted");
	ok(!waitpid(stranger, NULL, WNOHANG), "nor ended");
	(void)kill(stranger, SIGKILL);
	(void)waitpid(stranger, NULL, 0);
}

int pidfd_send_signal(int fd, int signal, siginfo_t *info, unsigned int flags);
/* Instead of libc's: who is asked to end has begun with that when this returns. */
int pidfd_send_signal(int fd, int signal, siginfo_t *info, unsigned int flags)
{
	int r = syscall(SYS_pidfd_send_signal, fd, signal, info, flags);

	while (signal == SIGTERM && !shared->helps)
		usleep(1000);
	return r;
}

/* Of a process that has another one do something before it ends. */
static void tidy_up(int signal)
{
	sigset_t pending;

	if (!fork()) {
		/* It blocks the signal that is handled. */
		shared->helps = 1;
		while (!shared->go)
			usleep(1000);
		sigpending(&pending);
		shared->asked = sigismember(&pending, signal);
		_exit(0);
	}
	(void)wait(NULL);
	_exit(0);
}

static int ask(void)
{
	struct tree tree;
	int r;

	shared->ready = shared->go = 0;
	if (!fork()) {
		alarm(LIMIT_SEC);
		(void)signal(SIGTERM, tidy_up);
		shared->ready = 1;
		for (;;)
			pause();
	}
	wait_until_ready(1);
	r = tree_signal(SIGTERM, &tree);
	shared->go = 1;
	wait_for_all();
	return r || tree.alive.n_processes != 1 || shared->asked;
}

static size_t reap(void *context)
{
	size_t n = 0;

	(void)context;
	while (n < 1000 && waitpid(-1, NULL, WNOHANG) > 0)
		n++;
	return n;
}

static const struct tree_reaper reaper = { .reap = reap };

static int end_hoppers(void)
{
	struct tree tree;
	int i;

	for (i = 0; i < 3; i++)
		hop();
	while (shared->hops < 300)
		usleep(1000);
	if (tree_stop(LIMIT_SEC * 1000, &reaper, &tree))
		return 1;
	if (tree.running)
		return 2;
	/* Each of the three, and perhaps a parent that had not ended yet. */
	if (tree_signal(SIGKILL, &tree) || tree.alive.n_processes < 3)
		return 3;
	/* One that was missed goes on to its limit. */
	wait_for_all();
	return shared->hops < HOPS_LIMIT ? 0 : 4;
}

static int stop_nothing(void)
{
	struct tree tree;

	return tree_stop(0, &reaper, &tree) || tree.running || tree.alive.n_processes;
}

int main(void)
{
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	alarm(8 * LIMIT_SEC);
	test_names();
	equal(as_keeper(ask), 0, "what one starts when it is asked to end is not asked");
	equal(as_keeper(stop_nothing), 0, "who has no descendants is done at once");
	for (i = 0; i < 5; i++) {
		shared->hops = 0;
		equal(as_keeper(end_hoppers), 0, "what moves on and on is stopped, then ended");
		shared->hops = HOPS_LIMIT;
	}
	return tap_done();
}
