/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "netlink.h"

/* Not there before Linux 4.3 and 4.12; older ones tell less, and that is all. */
static void refine(struct mnl_socket *socket)
{
	int on = 1;

	(void)mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
}

int netlink_open(int bus, struct netlink *ret_netlink)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)) {
		r = -errno;
		mnl_socket_close(socket);
		return r;
	}
	refine(socket);
	*ret_netlink = (struct netlink){
		.socket = socket, .port = mnl_socket_get_portid(socket),
	};
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t size,
			       void **ret_own)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	void *own = size ? mnl_nlmsg_put_extra_header(message, size) : NULL;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	if (ret_own)
		*ret_own = own;
	return message;
}

struct nlmsghdr *netlink_begin_generic(void *buffer, uint16_t family, uint16_t flags,
				       uint8_t command, uint8_t version)
{
	struct nlmsghdr *message;
	void *own;

	message = netlink_begin(buffer, family, flags, sizeof(struct genlmsghdr), &own);
	*(struct genlmsghdr *)own = (struct genlmsghdr){ .cmd = command, .version = version };
	return message;
}

static bool is_answer(const struct netlink *netlink, const struct nlmsghdr *message, int length)
{
	return mnl_nlmsg_ok(message, length) && message->nlmsg_seq == netlink->sequence &&
	       message->nlmsg_pid == netlink->port;
}

/* Returns 1: there is more to come; 0; -errno. */
static int take_part(struct netlink *netlink, mnl_cb_t take, void *context, int64_t deadline)
{
	char answer[NETLINK_ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;
	int r;

	r = deadline_wait(mnl_socket_get_fd(netlink->socket), deadline);
	if (r)
		return r;
	n = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	/* Of a request that was given up answers may be left. */
	if (!is_answer(netlink, (struct nlmsghdr *)answer, n))
		return 1;
	r = mnl_cb_run(answer, n, 0, 0, take, context);
	/* It may hold a key. */
	explicit_bzero(answer, n);
	return r < 0 ? -errno : r > 0;
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take, void *context)
{
	int64_t deadline = deadline_in(NETLINK_LIMIT_MS);
	int r;

	request->nlmsg_seq = ++netlink->sequence;
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	do
		r = take_part(netlink, take, context, deadline);
	while (r > 0);
	return r;
}

struct family {
	const char *name;
	uint16_t id;
};

static int take_family(const struct nlmsghdr *message, void *context)
{
	struct family *family = context;
	const struct nlattr *attribute;
	const char *name = NULL;
	uint16_t id = 0;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID &&
		    !mnl_attr_validate(attribute, MNL_TYPE_U16))
			id = mnl_attr_get_u16(attribute);
		if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_NAME &&
		    !mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
			name = mnl_attr_get_str(attribute);
	}
	if (name && !strcmp(name, family->name))
		family->id = id;
	return MNL_CB_OK;
}

int netlink_family(struct netlink *generic, const char *name, uint16_t *ret_family)
{
	char buffer[NLMSG_SPACE(sizeof(struct genlmsghdr))]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct family family = { .name = name };
	unsigned int i;
	int r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++)
		r = netlink_ask(generic,
				netlink_begin_generic(buffer, GENL_ID_CTRL, NLM_F_DUMP,
						      CTRL_CMD_GETFAMILY, 1),
				take_family, &family);
	if (r)
		return r;
	if (!family.id)
		return -ENOENT;
	*ret_family = family.id;
	return 0;
}
