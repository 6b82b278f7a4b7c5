/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who is believed in the kernel's place, and for how long messages are taken. The kernel is
 * the real one, in a network name space that nobody else is in.
 */
#include <libmnl/libmnl.h>

static ssize_t played_receive(const struct mnl_socket *socket, void *buffer, size_t size);
static int played_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid);
#define mnl_socket_recvfrom played_receive
#define mnl_socket_bind played_bind
#include "keys/netlink.h"
#define NETLINK_LIMIT_MS 300
#include "keys/netlink.c"
#undef mnl_socket_recvfrom
#undef mnl_socket_bind

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "scratch.h"
#include "tap.h"

enum { FALSE_FAMILY = 0x4242, ENDLESS = 1000000 };

static struct {
	/* Messages that answer nothing come as long as somebody reads. */
	bool endless;
	unsigned int n_received;
	/* Somebody knows the port, and is faster than what follows. */
	bool early;
} plays;

static struct mnl_socket *stranger;

/* As the kernel would answer who asks for a family. */
static ssize_t pretend(unsigned int port, unsigned int sequence)
{
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = port };
	struct nlmsghdr *message;

	memset(buffer, 0, sizeof(buffer));
	message = netlink_begin_generic(buffer, GENL_ID_CTRL, 0, CTRL_CMD_NEWFAMILY, 1);
	message->nlmsg_flags = NLM_F_MULTI;
	message->nlmsg_seq = sequence;
	message->nlmsg_pid = port;
	mnl_attr_put_u16(message, CTRL_ATTR_FAMILY_ID, FALSE_FAMILY);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, "false");
	message = netlink_begin(mnl_nlmsg_get_payload_tail(message), NLMSG_DONE, 0, sizeof(int),
				NULL);
	message->nlmsg_flags = NLM_F_MULTI;
	message->nlmsg_seq = sequence;
	message->nlmsg_pid = port;
	return sendto(mnl_socket_get_fd(stranger), buffer,
		      (char *)mnl_nlmsg_get_payload_tail(message) - buffer, MSG_DONTWAIT,
		      (const struct sockaddr *)&address, sizeof(address));
}

static int played_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid)
{
	unsigned int i;

	if (mnl_socket_bind(socket, groups, pid))
		return -1;
	for (i = 0; plays.early && i < 100; i++)
		if (pretend(mnl_socket_get_portid(socket), 1) < 0)
			scratch_give_up("it cannot be sent to");
	return 0;
}

static ssize_t played_receive(const struct mnl_socket *socket, void *buffer, size_t size)
{
	plays.n_received++;
	if (!plays.endless)
		return mnl_socket_recvfrom(socket, buffer, size);
	if (plays.n_received > ENDLESS) {
		errno = ECANCELED;
		return -1;
	}
	return mnl_nlmsg_put_header(buffer)->nlmsg_len;
}

static void begin(void)
{
	memset(&plays, 0, sizeof(plays));
}

static void test_kernel(void)
{
	struct netlink netlink;
	uint16_t family = 0;

	begin();
	equal(netlink_open(NETLINK_GENERIC, &netlink), 0, "a socket");
	equal(netlink_family(&netlink, "nlctrl", &family), 0, "the kernel tells a family");
	equal(family, GENL_ID_CTRL, "that is there");
	equal(netlink_family(&netlink, "false", &family), -ENOENT, "and none that is not");
	netlink_close(&netlink);
}

static void test_stranger(void)
{
	struct netlink netlink, other;
	uint16_t family = 0;

	begin();
	equal(netlink_open(NETLINK_GENERIC, &netlink), 0, "a socket");
	ok(pretend(netlink.port, netlink.sequence + 1) < 0 && errno == ECONNREFUSED,
	   "takes nothing of others");
	equal(netlink_family(&netlink, "false", &family), -ENOENT, "what they say is not believed");
	netlink_close(&netlink);
	plays.early = true;
	equal(netlink_open(NETLINK_GENERIC, &netlink), 0, "another, which somebody has sent to before");
	netlink.sequence = 0;
	equal(netlink_family(&netlink, "false", &family), -ENOENT, "does not believe that");
	equal(netlink_family(&netlink, "nlctrl", &family), 0, "and hears the kernel");
	netlink_close(&netlink);
	plays.early = false;
	if (netlink_open(NETLINK_GENERIC, &other) || netlink_open(NETLINK_GENERIC, &netlink))
		scratch_give_up("netlink");
	ok(netlink.sequence != other.sequence && netlink.sequence, "nobody knows the first number");
	netlink_close(&netlink);
	netlink_close(&other);
}

static void test_endless(void)
{
	char buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct netlink netlink;

	begin();
	equal(netlink_open(NETLINK_GENERIC, &netlink), 0, "a socket");
	plays.endless = true;
	/* Its acknowledgement is not read, so there is something to read at all times. */
	equal(netlink_ask(&netlink, netlink_begin(buffer, NLMSG_NOOP, 0, 0, NULL), NULL, NULL),
	      -ETIMEDOUT, "messages without an end have a limit of time");
	netlink_close(&netlink);
}

int main(void)
{
	if (unshare(CLONE_NEWNET))
		scratch_give_up("unshare");
	stranger = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!stranger || mnl_socket_bind(stranger, 0, MNL_SOCKET_AUTOPID))
		scratch_give_up("netlink");
	test_kernel();
	test_stranger();
	test_endless();
	mnl_socket_close(stranger);
	return tap_done();
}
