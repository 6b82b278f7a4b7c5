/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Asks a program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/deadline.h"
#include "capture.h"
#include "child.h"

static void __attribute__((noreturn)) run(const char *const argv[], char *const envp[], bool heard)
{
	int null_fd = open("/dev/null", O_RDWR);

	child_reset_signals(0);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(heard ? CHILD_KEPT_FD : null_fd, STDOUT_FILENO) < 0 ||
	    dup2(null_fd, STDERR_FILENO) < 0 || close_range(CHILD_KEPT_FD, ~0U, 0))
		_exit(127);
	/* execvpe(3) takes what is no program for a script. */
	if (strchr(argv[0], '/'))
		(void)execve(argv[0], (char *const *)argv, envp);
	else
		(void)execvpe(argv[0], (char *const *)argv, envp);
	_exit(127);
}

/* Reads to the end. text is set in each case. */
static int read_text(int fd, int64_t deadline, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n = 0;
	int r;

	do {
		used += n;
		text[used] = '\0';
		if (used + 1 >= size)
			return -EFBIG;
		r = deadline_wait(fd, deadline);
		n = r ? 0 : read(fd, text + used, size - used - 1);
	} while (n > 0);
	return n < 0 ? -errno : r;
}

int capture_output(const char *const argv[], char *const envp[], int timeout_ms,
		   char *output, size_t size)
{
	int64_t deadline = deadline_in(timeout_ms);
	int fds[2], r = 0, ended, status = 0;
	pid_t pid;

	if (output)
		*output = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = child_fork(fds[1]);
	if (!pid)
		run(argv, envp, output);
	close(fds[1]);
	if (pid < 0)
		r = pid;
	else if (output)
		r = read_text(fds[0], deadline, output, size);
	close(fds[0]);
	if (pid < 0)
		return r;
	/* What failed is not waited for. */
	ended = child_end(pid, r ? 0 : deadline, &status);
	if (r || ended)
		return r ? r : ended;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}
