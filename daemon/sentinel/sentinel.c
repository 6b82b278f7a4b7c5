/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The process that stands by, and how its parent talks to it.
 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "patrol.h"
#include "process/child.h"
#include "sentinel.h"

/* To look at the memory of all, and to open its file, which is theirs. */
static void keep_few_rights(void)
{
	static const uint32_t wanted = 1 << CAP_SYS_PTRACE | 1 << CAP_DAC_OVERRIDE;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3];
	size_t i;

	if (syscall(SYS_capget, &header, rights))
		return;
	for (i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		rights[i].effective &= i ? 0 : wanted;
		rights[i].permitted &= i ? 0 : wanted;
		rights[i].inheritable = 0;
	}
	/* With more it works as well. */
	(void)syscall(SYS_capset, &header, rights);
}

/* Returns false if there is nothing to read now. */
static bool hear(int fd, uint64_t *ret_generation)
{
	ssize_t n = recv(fd, ret_generation, sizeof(*ret_generation), MSG_DONTWAIT);

	if (n == sizeof(*ret_generation))
		return true;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	_exit(0);
}

static void __attribute__((noreturn)) stand_by(struct patrol *patrol, int fd)
{
	struct sentinel_report report = { .generation = 0 };
	struct pollfd wake = { .fd = fd, .events = POLLIN };
	bool active = false;

	for (;;) {
		(void)poll(&wake, 1, active ? PATROL_STEP_MS : -1);
		while (hear(fd, &report.generation)) {
			patrol_begin(patrol);
			active = true;
		}
		if (!active || !patrol_advance(patrol, &report.tally))
			continue;
		active = false;
		/* It has room for some, and who has not read those does not want to know. */
		(void)send(fd, &report, sizeof(report), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

int sentinel_start(const char *proc, struct sentinel *sentinel)
{
	struct patrol *patrol;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return -errno;
	pid = child_fork(fds[1]);
	if (!pid) {
		(void)prctl(PR_SET_NAME, "vmgend-sentinel");
		child_stand_back();
		/* No more than the guards that begin beside it get. */
		if (getpriority(PRIO_PROCESS, 0) < 0)
			(void)setpriority(PRIO_PROCESS, 0, 0);
		keep_few_rights();
		patrol = patrol_new(proc, &patrol_limits);
		if (!patrol)
			_exit(1);
		stand_by(patrol, CHILD_KEPT_FD);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return pid;
	}
	*sentinel = (struct sentinel){ .pid = pid, .fd = fds[0] };
	return 0;
}

int sentinel_wake(const struct sentinel *sentinel, uint64_t generation)
{
	if (!sentinel->pid)
		return -ESRCH;
	return send(sentinel->fd, &generation, sizeof(generation), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ?
		-errno : 0;
}

int sentinel_read(const struct sentinel *sentinel, struct sentinel_report *ret_report)
{
	struct sentinel_report report;
	ssize_t n;

	if (!sentinel->pid)
		return -EAGAIN;
	n = recv(sentinel->fd, &report, sizeof(report), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n != sizeof(report))
		return -EPIPE;
	*ret_report = report;
	return 0;
}

void sentinel_stop(struct sentinel *sentinel)
{
	if (!sentinel->pid)
		return;
	(void)kill(sentinel->pid, SIGKILL);
	close(sentinel->fd);
	*sentinel = (struct sentinel){ .pid = 0 };
}
