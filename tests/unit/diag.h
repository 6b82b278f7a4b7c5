/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A kernel that is played below libmnl: it has a few TCP connections and an address, ends what
 * it is told to, and takes every rule of nftables. All that is sent to it is kept.
 */
#ifndef DIAG_H
#define DIAG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SENT_MAX = 64, PORT_NUMBER = 77 };

struct socket_played {
	const char *own, *peer;
	uint16_t own_port, peer_port;
	uint8_t state;
	bool ktls;
};

/* The cookie of each is its place here. */
static const struct socket_played few[] = {
	{ "192.0.2.1", "198.51.100.1", 40000, 443, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "198.51.100.2", 22, 40001, TCP_CLOSE_WAIT, false },
	{ "127.0.0.1", "127.0.0.1", 40002, 80, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "192.0.2.7", 40003, 80, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "203.0.113.9", 40004, 5432, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "198.51.100.3", 40005, 443, TCP_FIN_WAIT2, false },
	{ "2001:db8::1", "2001:db8::2", 40006, 443, TCP_ESTABLISHED, true },
	{ "::ffff:192.0.2.1", "::ffff:198.51.100.4", 40007, 443, TCP_ESTABLISHED, false },
	{ "::1", "::1", 40008, 443, TCP_ESTABLISHED, false },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.9", 40009, 443, TCP_ESTABLISHED, false },
};

enum { N_FEW = sizeof(few) / sizeof(few[0]) };

static struct {
	/* Of what was sent, in order; of a SOCK_DESTROY its cookie as well. */
	struct { uint16_t type; uint32_t cookie; } sent[SENT_MAX];
	unsigned int n_sent;
} *heard;

static struct {
	/* -errno with which the kernel answers. */
	int list, filter, end;
	/* The cookie of one that alone is answered so. */
	uint32_t end_of;
	/* So many connections, all equal. */
	size_t many;
	/* And so many addresses; 0: one. */
	unsigned int addresses;
	/* Called when one is to be ended. */
	void (*ended)(void);
} plays;

static struct {
	uint16_t type;
	uint8_t family;
	uint32_t sequence, at;
	int error;
} request;

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid)
{
	(void)s;
	(void)groups;
	(void)pid;
	return 0;
}

/* Those to the kernel are played as well. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return address->sa_family == AF_NETLINK ? 0 :
	       (int)syscall(SYS_connect, fd, address, size);
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	/* Enough for libmnl, which does not get its options set. */
	return calloc(1, 64);
}

int mnl_socket_close(struct mnl_socket *s)
{
	free(s);
	return 0;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	(void)s;
	return PORT_NUMBER;
}

/* There is always something to read. */
int mnl_socket_get_fd(const struct mnl_socket *s)
{
	static int fd = -1;

	(void)s;
	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return fd;
}

static void hear(const struct nlmsghdr *message)
{
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(message);

	request.sequence = message->nlmsg_seq;
	request.type = message->nlmsg_type;
	request.at = 0;
	request.error = 0;
	if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
		request.family = diag->sdiag_family;
		request.error = plays.list;
		request.at = diag->idiag_states ? 0 : N_FEW;
	} else if (message->nlmsg_type == SOCK_DESTROY) {
		if (!plays.end_of || plays.end_of == diag->id.idiag_cookie[0])
			request.error = plays.end;
		if (plays.ended)
			plays.ended();
	} else if (message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES) {
		request.error = plays.filter;
	}
	if (!heard || heard->n_sent == SENT_MAX)
		return;
	heard->sent[heard->n_sent].type = message->nlmsg_type;
	heard->sent[heard->n_sent++].cookie =
		message->nlmsg_type == SOCK_DESTROY ? diag->id.idiag_cookie[0] : 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *buffer, size_t size)
{
	const struct nlmsghdr *message = buffer;
	int left = size;

	(void)s;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type != NFNL_MSG_BATCH_BEGIN &&
		    message->nlmsg_type != NFNL_MSG_BATCH_END)
			hear(message);
	return size;
}

static struct nlmsghdr *answer(void *buffer, uint16_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_seq = request.sequence;
	message->nlmsg_pid = PORT_NUMBER;
	return message;
}

static size_t answer_end(void *buffer, uint16_t type)
{
	struct nlmsghdr *message = answer(buffer, type);

	*(int *)mnl_nlmsg_put_extra_header(message, sizeof(struct nlmsgerr)) = request.error;
	request.type = 0;
	return message->nlmsg_len;
}

static size_t answer_socket(void *buffer, const struct socket_played *played, uint32_t cookie)
{
	struct nlmsghdr *message = answer(buffer, SOCK_DIAG_BY_FAMILY);
	struct inet_diag_msg *told = mnl_nlmsg_put_extra_header(message, sizeof(*told));
	struct nlattr *nest;

	told->idiag_family = strchr(played->peer, ':') ? AF_INET6 : AF_INET;
	told->idiag_state = played->state;
	told->id.idiag_sport = htons(played->own_port);
	told->id.idiag_dport = htons(played->peer_port);
	told->id.idiag_cookie[0] = cookie;
	(void)inet_pton(told->idiag_family, played->own, told->id.idiag_src);
	(void)inet_pton(told->idiag_family, played->peer, told->id.idiag_dst);
	if (played->ktls) {
		nest = mnl_attr_nest_start(message, INET_DIAG_ULP_INFO);
		mnl_attr_put_strz(message, INET_ULP_INFO_NAME, "tls");
		mnl_attr_nest_end(message, nest);
	}
	return message->nlmsg_len;
}

static size_t answer_sockets(char *buffer, size_t room)
{
	size_t used = 0, n = plays.many ? plays.many : N_FEW;
	const struct socket_played *played;

	for (; request.at < n && room - used > 256; request.at++) {
		played = &few[plays.many ? 0 : request.at];
		if (!!strchr(played->peer, ':') == (request.family == AF_INET6))
			used += answer_socket(buffer + used, played, request.at + 1);
	}
	return used ? used : answer_end(buffer, NLMSG_DONE);
}

static size_t answer_address(void *buffer)
{
	struct nlmsghdr *message = answer(buffer, RTM_NEWADDR);
	struct ifaddrmsg *told = mnl_nlmsg_put_extra_header(message, sizeof(*told));

	if (request.at++ > plays.addresses)
		return answer_end(buffer, NLMSG_DONE);
	told->ifa_family = AF_INET;
	/* Of a point-to-point link: this machine's, and the peer's. */
	mnl_attr_put_u32(message, IFA_LOCAL, inet_addr("192.0.2.7"));
	mnl_attr_put_u32(message, IFA_ADDRESS, inet_addr("198.51.100.1"));
	return message->nlmsg_len;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t size)
{
	(void)s;
	if (request.type == SOCK_DIAG_BY_FAMILY)
		return request.error ? answer_end(buffer, NLMSG_DONE) :
		       answer_sockets(buffer, size);
	if (request.type == RTM_GETADDR)
		return answer_address(buffer);
	return answer_end(buffer, NLMSG_ERROR);
}

#endif /* DIAG_H */
