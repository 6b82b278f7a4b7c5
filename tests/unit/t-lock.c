/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name: taken once, free when the holder is gone.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "process/lock.h"
#include "scratch.h"
#include "tap.h"

static char directory[PATH_MAX];

static int take(const char *name, int *ret_fd, pid_t *ret_holder)
{
	int r = lock_open(directory, name, ret_fd);

	if (!r)
		r = lock_take(*ret_fd, ret_holder);
	return r;
}

static void test_twice(void)
{
	int first, second, third;
	pid_t holder = 0;
	struct stat st;

	equal(take("a", &first, NULL), 0, "taken");
	ok(!stat(scratch_path("lock/a"), &st) && (st.st_mode & 07777) == 0600 &&
	   !stat(directory, &st) && (st.st_mode & 07777) == 0700, "for root alone");
	equal(take("a", &second, &holder), -EWOULDBLOCK, "not taken twice");
	equal(holder, getpid(), "the holder is named");
	holder = 0;
	ok(!lock_holder(directory, "a", &holder) && holder == getpid(), "and found");
	equal(take("b", &third, NULL), 0, "another name is free");
	close(third);
	close(first);
	equal(lock_take(second, NULL), 0, "free after close");
	close(second);
	equal(lock_holder(directory, "a", &holder), -ESRCH, "nobody holds it any more");
	equal(lock_holder(directory, "never", &holder), -ESRCH, "nor one that never was");
}

static void test_wait(void)
{
	int first, second, others[2], pipe_fds[2], status = -1;
	pid_t holder = 0, pid, waiter = 0;
	char byte;

	if (pipe(pipe_fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		if (take("a", &first, NULL) || write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ok(read(pipe_fds[0], &byte, 1) == 1, "a child has it");
	equal(take("a", &first, &holder), -EWOULDBLOCK, "it is taken");
	equal(holder, pid, "the child is named");
	if (pipe(others))
		scratch_give_up("pipe");
	equal(lock_wait(first, &waiter), 0, "somebody waits");
	close(others[1]);
	ok(read(others[0], &byte, 1) == 0, "and keeps no other descriptor");
	equal(waitpid(waiter, NULL, WNOHANG), 0, "as long as it is taken");
	(void)kill(pid, SIGKILL);
	ok(waitpid(waiter, &status, 0) == waiter && !status, "until the holder is gone");
	equal(take("a", &second, NULL), -EWOULDBLOCK, "then it is taken for the caller");
	close(second);
	close(first);
	waitpid(pid, NULL, 0);
	equal(take("a", &first, NULL), 0, "until the caller closes it");
	close(first);
}

static void test_bound(void)
{
	int first, second;

	if (take("c", &first, NULL) || lock_open(directory, "c", &second))
		scratch_give_up("lock");
	equal(lock_take_within(second, 100), -EWOULDBLOCK, "who waits for one that is kept gives up");
	if (!fork()) {
		usleep(50000);
		_exit(0);
	}
	/* The child has the lock as well, until it ends. */
	close(first);
	equal(lock_take_within(second, 20000), 0, "and gets one that is given up");
	close(second);
	wait(NULL);
}

/* The number of the holder is not worth a failure. */
static void test_full(void)
{
	struct rlimit limit = { .rlim_cur = 0, .rlim_max = 0 };
	int fd, status;

	if (!fork()) {
		(void)signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &limit) || take("full", &fd, NULL));
	}
	ok(wait(&status) > 0 && !status, "taken although nothing can be written");
}

int main(void)
{
	int fd;

	scratch_create();
	strcpy(directory, scratch_path("lock"));
	test_twice();
	test_wait();
	test_bound();
	test_full();
	(void)!symlink("/etc/passwd", scratch_path("lock/link"));
	equal(take("link", &fd, NULL), -ELOOP, "no symbolic link");
	scratch_write("file", "", 0600);
	strcpy(directory, scratch_path("file"));
	equal(take("a", &fd, NULL), -ENOTDIR, "no directory: told");
	return tap_done();
}
