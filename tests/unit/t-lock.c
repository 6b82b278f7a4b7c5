/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name: taken once, free when the holder is gone.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "lock.h"
#include "scratch.h"
#include "tap.h"

int main(void)
{
	char directory[PATH_MAX];
	int first, second, pipe_fds[2];
	pid_t holder = 0, pid;
	struct stat st;
	char byte;

	scratch_create();
	strcpy(directory, scratch_path("lock"));
	equal(lock_take(directory, "a", false, &first, NULL), 0, "taken");
	ok(!stat(scratch_path("lock/a"), &st) && (st.st_mode & 07777) == 0600 &&
	   !stat(directory, &st) && (st.st_mode & 07777) == 0700, "for root alone");
	equal(lock_take(directory, "a", false, &second, &holder), -EWOULDBLOCK, "not taken twice");
	equal(holder, getpid(), "the holder is named");
	equal(lock_take(directory, "b", false, &second, NULL), 0, "another name is free");
	close(second);
	close(first);
	equal(lock_take(directory, "a", false, &first, NULL), 0, "free after close");
	close(first);

	if (pipe(pipe_fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		if (lock_take(directory, "a", false, &first, NULL) || write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ok(read(pipe_fds[0], &byte, 1) == 1, "a child has it");
	equal(lock_take(directory, "a", false, &first, &holder), -EWOULDBLOCK, "it is taken");
	equal(holder, pid, "the child is named");
	(void)kill(pid, SIGKILL);
	equal(lock_take(directory, "a", true, &first, NULL), 0, "waits until the holder is gone");
	waitpid(pid, NULL, 0);
	close(first);

	(void)!symlink("/etc/passwd", scratch_path("lock/link"));
	equal(lock_take(directory, "link", false, &first, NULL), -ELOOP, "no symbolic link");
	scratch_write("file", "", 0600);
	equal(lock_take(scratch_path("file"), "a", false, &first, NULL), -ENOTDIR, "no directory: told");
	return tap_done();
}
