/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The guardian, as the daemon sees it. What it does is in vigil.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guardian.h"
#include "process/child.h"
#include "vigil.h"

int guardian_start(const struct config *config, struct guardian *guardian)
{
	int fds[2];
	pid_t pid;

	if (guardian->hung && !waitpid(guardian->hung, NULL, WNOHANG))
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return -errno;
	pid = child_fork(fds[1]);
	if (!pid) {
		(void)prctl(PR_SET_NAME, "vmgend-guardian");
		vigil_keep(config, CHILD_KEPT_FD);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return pid;
	}
	*guardian = (struct guardian){ .pid = pid, .fd = fds[0] };
	return 0;
}

int guardian_request(struct guardian *guardian, const struct keeper_order *order)
{
	if (!guardian->pid)
		return -ESRCH;
	return send(guardian->fd, order, sizeof(*order), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int guardian_read(struct guardian *guardian, int timeout_ms, struct guardian_message *ret_message)
{
	const struct timespec limit = {
		.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000,
	};
	struct pollfd wanted = { .fd = guardian->fd, .events = POLLIN };
	struct guardian_message message;
	sigset_t all;
	ssize_t n;

	if (!guardian->pid)
		return -ESRCH;
	/* A child that ends meanwhile is no reason to give up. */
	sigfillset(&all);
	if (timeout_ms && ppoll(&wanted, 1, &limit, &all) <= 0)
		return -EAGAIN;
	n = recv(guardian->fd, &message, sizeof(message), 0);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n != sizeof(message))
		return -EPIPE;
	if (message.word == GUARDIAN_BEGUN)
		guardian->begun = message.generation;
	*ret_message = message;
	/* It was the guardian's address. */
	ret_message->report.result.output = *message.report.output ? ret_message->report.output : NULL;
	return 0;
}

void guardian_stop(struct guardian *guardian)
{
	int status;

	if (!guardian->pid)
		return;
	close(guardian->fd);
	(void)child_end(guardian->pid, 0, &status);
	*guardian = (struct guardian){
		.fd = -1, .hung = waitpid(guardian->pid, NULL, WNOHANG) ? 0 : guardian->pid,
	};
}
