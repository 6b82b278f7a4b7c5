/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the C library or the headers of Linux here lack. The code is written for glibc
 * 2.36; this supplies the rest from 2.31 on, and for musl. It asks for no version:
 * `probes` in the Makefile has the names that are looked for, and what was found is in
 * have.h of the build directory.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "have.h"

/* As in the C library, a test can put its own in the place. */
#define COMPAT __attribute__((weak))

/* What ioctl(2) takes; musl's is an int. */
typedef __typeof__(__builtin_choose_expr(
	__builtin_types_compatible_p(__typeof__(ioctl), int (int, int, ...)), 0, 0UL)) ioctl_request;

#ifndef GRND_INSECURE
#define GRND_INSECURE	4
#endif

/* The same on all architectures, like all system calls since Linux 5.1. */
#ifndef SYS_close_range
#define SYS_close_range	436
#endif
#ifndef SYS_openat2
#define SYS_openat2	437
#endif

#ifndef HAVE_CLOSE_RANGE
int close_range(unsigned int first, unsigned int last, int flags);
COMPAT int close_range(unsigned int first, unsigned int last, int flags)
{
	return syscall(SYS_close_range, first, last, flags);
}
#endif

#ifndef HAVE_EXECVEAT
int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags);
COMPAT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return syscall(SYS_execveat, fd, path, argv, envp, flags);
}
#endif

/* For tests, which put a fork() of their own in the place. */
#ifndef HAVE__FORK
pid_t _Fork(void);
COMPAT pid_t _Fork(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}
#endif

#ifndef HAVE_SCANDIRAT
int scandirat(int fd, const char *path, struct dirent ***ret_entries,
	      int (*wanted)(const struct dirent *),
	      int (*compare)(const struct dirent **, const struct dirent **));
COMPAT int scandirat(int fd, const char *path, struct dirent ***ret_entries,
		     int (*wanted)(const struct dirent *),
		     int (*compare)(const struct dirent **, const struct dirent **))
{
	char below_fd[64];

	snprintf(below_fd, sizeof(below_fd), "/proc/self/fd/%d/%s", fd, path);
	return scandir(below_fd, ret_entries, wanted, compare);
}
#endif

/* Those of musl do nothing but fail, as they would be for one thread alone. */
#ifndef __GLIBC__
#define sched_getparam(pid, param)		syscall(SYS_sched_getparam, pid, param)
#define sched_getscheduler(pid)			((int)syscall(SYS_sched_getscheduler, pid))
#define sched_setscheduler(pid, policy, param)	syscall(SYS_sched_setscheduler, pid, policy, param)
#endif

#ifdef HAVE_PIDFD_OPEN
#include <sys/pidfd.h>
#else
int pidfd_open(pid_t pid, unsigned int flags);
COMPAT int pidfd_open(pid_t pid, unsigned int flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

int pidfd_send_signal(int fd, int number, siginfo_t *siginfo, unsigned int flags);
COMPAT int pidfd_send_signal(int fd, int number, siginfo_t *siginfo, unsigned int flags)
{
	return syscall(SYS_pidfd_send_signal, fd, number, siginfo, flags);
}
#endif

#ifndef HAVE_SIGABBREV_NP
const char *sigabbrev_np(int number);
COMPAT const char *sigabbrev_np(int number)
{
	static const char names[][8] = {
		[SIGHUP] = "HUP", [SIGINT] = "INT", [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
		[SIGTRAP] = "TRAP", [SIGABRT] = "ABRT", [SIGBUS] = "BUS", [SIGFPE] = "FPE",
		[SIGKILL] = "KILL", [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
		[SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGSTKFLT] = "STKFLT",
		[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
		[SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU", [SIGURG] = "URG", [SIGXCPU] = "XCPU",
		[SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF",
		[SIGWINCH] = "WINCH", [SIGIO] = "POLL", [SIGPWR] = "PWR", [SIGSYS] = "SYS",
	};

	if (number <= 0 || (size_t)number >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return *names[number] ? names[number] : NULL;
}
#endif

#endif /* COMPAT_H */
