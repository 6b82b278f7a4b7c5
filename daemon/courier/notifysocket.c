/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A notification by AF_VSOCK, as libsystemd of version 254 and later sends one; that of
 * Debian 12 cannot.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* Needs what is above. */
#include <linux/vm_sockets.h>

#include "notifysocket.h"

enum {
	/* Ports below are root's, so the host can tell who has sent it. */
	PRIVILEGED_END = 1024,
	/* VMADDR_CID_LOCAL, which headers have since Linux 5.6. */
	CID_LOCAL = 1,
};

static const struct {
	const char *prefix;
	int type;
} forms[] = {
	{ "vsock:", 0 },
	{ "vsock-dgram:", SOCK_DGRAM },
	{ "vsock-seqpacket:", SOCK_SEQPACKET },
	{ "vsock-stream:", SOCK_STREAM },
};

/* In the order of sd_notify(3). Virtio has no datagrams, and older Linux only streams. */
static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };
enum { TYPES = sizeof(types) / sizeof(types[0]) };

/* A number up to end, of which the largest one means "any". */
static int parse_number(const char *text, const char *end, unsigned int *ret_number)
{
	unsigned long number;
	char *stop;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoul(text, &stop, 0);
	if (errno || stop != end || number >= UINT_MAX)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int parse_cid(const char *text, const char *end, unsigned int *ret_cid)
{
	static const struct {
		const char *name;
		unsigned int cid;
	} names[] = {
		{ "hypervisor", VMADDR_CID_HYPERVISOR }, { "local", CID_LOCAL },
		{ "host", VMADDR_CID_HOST },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) != (size_t)(end - text) ||
		    memcmp(text, names[i].name, end - text))
			continue;
		*ret_cid = names[i].cid;
		return 0;
	}
	return parse_number(text, end, ret_cid);
}

int notifysocket_parse(const char *text, struct notifysocket *ret_socket)
{
	struct notifysocket address;
	const char *cid, *colon;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strncmp(text, forms[i].prefix, strlen(forms[i].prefix)))
			continue;
		cid = text + strlen(forms[i].prefix);
		colon = strchr(cid, ':');
		if (!colon || parse_cid(cid, colon, &address.cid) ||
		    parse_number(colon + 1, strchr(colon, '\0'), &address.port))
			return -EINVAL;
		address.type = forms[i].type;
		*ret_socket = address;
		return 0;
	}
	return -EINVAL;
}

/* Without the right the host sees another port, and that is all. */
static void bind_privileged(int fd)
{
	struct sockaddr_vm own = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PRIVILEGED_END,
	};

	do {
		own.svm_port--;
	} while (own.svm_port && bind(fd, (struct sockaddr *)&own, sizeof(own)) &&
		 errno == EADDRINUSE);
}

static int open_type(const struct notifysocket *address, int type, int *ret_fd)
{
	const struct sockaddr_vm host = {
		.svm_family = AF_VSOCK, .svm_cid = address->cid, .svm_port = address->port,
	};
	int fd = socket(AF_VSOCK, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	bind_privileged(fd);
	if (connect(fd, (const struct sockaddr *)&host, sizeof(host)) && errno != EINPROGRESS) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int notifysocket_open(const struct notifysocket *address, unsigned int *attempt, int *ret_fd)
{
	int i, r;

	if (address->type)
		return open_type(address, address->type, ret_fd);
	for (i = 0; i < TYPES; i++) {
		r = open_type(address, types[(*attempt)++ % TYPES], ret_fd);
		if (!r)
			break;
	}
	return r;
}

static int send_rest(int fd, const char *text, size_t *sent)
{
	size_t size = strlen(text);
	int error = 0;
	socklen_t length = sizeof(error);
	ssize_t n;

	/* How the connection ended that was begun. */
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return -errno;
	if (error)
		return -error;
	while (*sent < size) {
		n = send(fd, text + *sent, size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			/* It is not connected yet. */
			return errno == ENOTCONN || errno == EINTR ? -EAGAIN : -errno;
		*sent += n;
	}
	return 0;
}

/* The end of the connection is that of the message. One that is closed at once may lose it. */
int notifysocket_send(int fd, const char *text, size_t *sent)
{
	bool whole = *sent == strlen(text);
	int type = 0, r;
	socklen_t length = sizeof(type);
	char byte;

	if (!whole) {
		r = send_rest(fd, text, sent);
		if (r)
			return r;
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length))
			return -errno;
		if (type == SOCK_DGRAM)
			return 0;
		(void)shutdown(fd, SHUT_WR);
	}
	/* Any answer of the host means that it has read. */
	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? -EAGAIN : 0;
}
