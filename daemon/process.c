/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Starts a program from a checked descriptor. The child reports a failed exec
 * through a pipe that a successful one closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "process.h"

/* EXEC_FD stands in a path below as well. */
enum { EXEC_FD = 3, ERROR_FD = 4 };

void process_reset_signals(int blocked)
{
	sigset_t mask;
	int i;

	/* Fails for those that cannot be caught, and for those libc keeps. */
	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&mask);
	if (blocked)
		sigaddset(&mask, blocked);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

pid_t process_fork_helper(int fd)
{
	pid_t parent = getpid(), pid;
	sigset_t all, before;
	int error;

	/* A handler of the daemon must not run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent ||
		    (fd != PROCESS_KEPT_FD && dup2(fd, PROCESS_KEPT_FD) < 0) ||
		    close_range(PROCESS_KEPT_FD + 1, ~0U, 0))
			_exit(1);
		return 0;
	}
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

/* Puts the three descriptors in their places and closes all others. */
static int arrange_descriptors(int exec_fd, int output_fd, int error_fd)
{
	int null_fd;

	/* First out of the way, so that no dup2() below hits another. */
	exec_fd = fcntl(exec_fd, F_DUPFD, ERROR_FD + 1);
	output_fd = fcntl(output_fd, F_DUPFD, ERROR_FD + 1);
	error_fd = fcntl(error_fd, F_DUPFD, ERROR_FD + 1);
	null_fd = open("/dev/null", O_RDONLY);
	if (exec_fd < 0 || output_fd < 0 || error_fd < 0 || null_fd < 0 ||
	    dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0 ||
	    dup3(exec_fd, EXEC_FD, O_CLOEXEC) < 0 || dup3(error_fd, ERROR_FD, O_CLOEXEC) < 0 ||
	    close_range(ERROR_FD + 1, ~0U, 0))
		return -errno;
	return 0;
}

/* A hook that nobody looks after any more would run beside the next attempt. */
static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int prepare(const struct program *program, pid_t parent, int output_fd, int error_fd)
{
	int r = 0;

	process_reset_signals(0);
	umask(022);
	if (setsid() < 0 || chdir("/"))
		return -errno;
	if (program->cgroup_fd >= 0)
		(void)cgroup_enter(program->cgroup_fd);
	if (program->account)
		r = account_become(program->account);
	/* Another user would lose this setting. */
	if (!r)
		r = die_with(parent);
	return r ? r : arrange_descriptors(program->fd, output_fd, error_fd);
}

static void __attribute__((noreturn))
child(const struct program *program, pid_t parent, int output_fd, int error_fd)
{
	int error = -prepare(program, parent, output_fd, error_fd);

	if (error) {
		(void)!write(error_fd, &error, sizeof(error));
		_exit(127);
	}
	execveat(EXEC_FD, "", program->argv, program->envp, AT_EMPTY_PATH);
	/*
	 * A script's interpreter opens the script again, so the kernel refuses
	 * one that is close-on-exec with ENOENT. Only a script gets to keep the
	 * descriptor. execveat() would call it /dev/fd/3, which does not exist
	 * before udev; this name leads to the same checked file.
	 */
	if (errno == ENOENT && !fcntl(EXEC_FD, F_SETFD, 0))
		execve("/proc/self/fd/3", program->argv, program->envp);
	error = errno;
	(void)!write(ERROR_FD, &error, sizeof(error));
	_exit(127);
}

static pid_t fork_child(const struct program *program, int output_fd)
{
	pid_t parent = getpid(), pid;
	int error_fds[2], error;
	ssize_t n;

	if (pipe2(error_fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		child(program, parent, output_fd, error_fds[1]);
	error = errno;
	close(error_fds[1]);
	if (pid < 0) {
		close(error_fds[0]);
		return -error;
	}
	while ((n = read(error_fds[0], &error, sizeof(error))) < 0 && errno == EINTR)
		;
	close(error_fds[0]);
	if (n != sizeof(error))
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -error;
}

int process_start(const struct program *program, struct process *ret_process)
{
	struct process process;
	int output_fds[2], r;

	if (pipe2(output_fds, O_CLOEXEC))
		return -errno;
	/* Only this end: the hook must block when it writes too fast. */
	if (fcntl(output_fds[0], F_SETFL, O_NONBLOCK)) {
		r = -errno;
		close(output_fds[1]);
		goto err_output;
	}
	process.output_fd = output_fds[0];
	process.pid = fork_child(program, output_fds[1]);
	close(output_fds[1]);
	if (process.pid < 0) {
		r = process.pid;
		goto err_output;
	}
	process.pid_fd = pidfd_open(process.pid, 0);
	if (process.pid_fd < 0) {
		r = -errno;
		goto err_process;
	}
	*ret_process = process;
	return 0;

err_process:
	(void)kill(-process.pid, SIGKILL);
	while (waitpid(process.pid, NULL, 0) < 0 && errno == EINTR)
		;
err_output:
	close(output_fds[0]);
	return r;
}
