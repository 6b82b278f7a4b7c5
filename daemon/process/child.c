/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Children of this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/deadline.h"
#include "child.h"

/* For a process that was killed, and ends late where others keep it from running. */
enum { KILLED_LIMIT_MS = 1000 };

void child_reset_signals(int blocked)
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

pid_t child_fork(int fd)
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
		    (fd != CHILD_KEPT_FD && dup2(fd, CHILD_KEPT_FD) < 0) ||
		    close_range(CHILD_KEPT_FD + 1, ~0U, 0))
			_exit(1);
		return 0;
	}
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

void child_stand_back(void)
{
	int policy = sched_getscheduler(0);

	if (policy == SCHED_FIFO || policy == SCHED_RR)
		(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
}

/* What the unit gives to the daemon alone. Who was started with less keeps that. */
void child_become_ordinary(bool keeps_nice)
{
	static const char file[] = "/proc/self/oom_score_adj";
	int fd = open(file, O_RDWR | O_CLOEXEC);
	char text[16] = "";

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0 && *text == '-')
			(void)!pwrite(fd, "0", 1, 0);
		close(fd);
	}
	child_stand_back();
	if (!keeps_nice && getpriority(PRIO_PROCESS, 0) < 0)
		(void)setpriority(PRIO_PROCESS, 0, 0);
}

/* Without a pidfd, which there may be no descriptor left for. */
static pid_t take_end(pid_t pid, int64_t deadline, int *ret_status)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	pid_t ended;

	while (!(ended = waitpid(pid, ret_status, WNOHANG)) && deadline_left(deadline))
		(void)nanosleep(&pause, NULL);
	return ended;
}

int child_end(pid_t pid, int64_t deadline, int *ret_status)
{
	pid_t ended = take_end(pid, deadline, ret_status);
	int status;

	if (ended)
		return ended < 0 ? -errno : 0;
	(void)kill(pid, SIGKILL);
	(void)take_end(pid, deadline_in(KILLED_LIMIT_MS), &status);
	return -ETIMEDOUT;
}
