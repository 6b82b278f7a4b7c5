/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
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

/*
 * In a network name space of his own a user may send to this socket as well, in the kernel's
 * place. To one that is connected to the kernel nobody else can; what came before is dropped,
 * and what comes at the same moment does not know the number.
 */
static int connect_kernel(struct mnl_socket *socket, unsigned int *ret_sequence)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = mnl_socket_get_fd(socket);
	char dropped;

	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)))
		return -errno;
	while (recv(fd, &dropped, sizeof(dropped), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	/* Linux, which is up since long, has such bytes. */
	if (getrandom(ret_sequence, sizeof(*ret_sequence), GRND_NONBLOCK) < 0)
		*ret_sequence = deadline_in(0);
	return 0;
}

int netlink_open(int bus, struct netlink *ret_netlink)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned int sequence;
	int r;

	if (!socket)
		return -errno;
	r = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ? -errno :
	    connect_kernel(socket, &sequence);
	if (r) {
		mnl_socket_close(socket);
		return r;
	}
	refine(socket);
	*ret_netlink = (struct netlink){
		.socket = socket, .port = mnl_socket_get_portid(socket), .sequence = sequence,
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

/* A dump is read to its end also where it is of no use: until then Linux begins no other. */
static void take_message(const struct nlmsghdr *message, struct netlink_question *question)
{
	const int *error = mnl_nlmsg_get_payload(message);
	int r = 0;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR) {
		r = -EINTR;
	} else if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		/* Both begin with it, but in old versions of Linux the second may be empty. */
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*error))
			r = *error;
		else if (message->nlmsg_type == NLMSG_ERROR)
			r = -EBADMSG;
	} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && !question->result && question->take &&
		   question->take(message, question->context) < 0) {
		r = -errno;
	}
	question->is_answered = message->nlmsg_type == NLMSG_ERROR ||
				message->nlmsg_type == NLMSG_DONE;
	if (!question->result)
		question->result = r;
}

static int take_part(struct netlink *netlink, struct netlink_question *questions, size_t n,
		     int64_t deadline)
{
	char answer[NETLINK_ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *message = (struct nlmsghdr *)answer;
	unsigned int which;
	ssize_t size;
	int left, r;

	r = deadline_wait(mnl_socket_get_fd(netlink->socket), deadline);
	if (r)
		return r;
	size = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (left = size; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		which = message->nlmsg_seq - netlink->sequence + n - 1;
		/* Of a request that was given up answers may be left. */
		if (message->nlmsg_pid == netlink->port && which < n)
			take_message(message, &questions[which]);
	}
	/* It may hold a key. */
	explicit_bzero(answer, size);
	return 0;
}

static bool are_answered(const struct netlink_question *questions, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!questions[i].is_answered)
			return false;
	return true;
}

static int exchange(struct netlink *netlink, struct netlink_question *questions, size_t n,
		    size_t size)
{
	int64_t deadline;
	int r = 0;

	if (mnl_socket_sendto(netlink->socket, questions[0].request, size) < 0)
		return -errno;
	/* From now on: most was worked off in there, for as long as that took. */
	deadline = deadline_in(NETLINK_LIMIT_MS);
	while (!r && !are_answered(questions, n))
		r = deadline_left(deadline) ? take_part(netlink, questions, n, deadline) :
					      -ETIMEDOUT;
	return r;
}

int netlink_ask_all(struct netlink *netlink, struct netlink_question *questions, size_t n)
{
	size_t i, size = 0;

	for (i = 0; i < n; i++) {
		struct nlmsghdr *request = questions[i].request;

		request->nlmsg_seq = ++netlink->sequence;
		if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
			request->nlmsg_flags |= NLM_F_ACK;
		size += NLMSG_ALIGN(request->nlmsg_len);
		questions[i].is_answered = false;
		questions[i].result = 0;
	}
	return exchange(netlink, questions, n, size);
}

int netlink_submit(struct netlink *netlink, void *messages, size_t size)
{
	struct netlink_question question = { .request = messages };
	struct nlmsghdr *message = messages;
	int left = size, r;

	netlink->sequence++;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		message->nlmsg_seq = netlink->sequence;
	r = exchange(netlink, &question, 1, size);
	return r ? r : question.result;
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take, void *context)
{
	struct netlink_question question = {
		.request = request, .take = take, .context = context,
	};
	int r = netlink_ask_all(netlink, &question, 1);

	return r ? r : question.result;
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
