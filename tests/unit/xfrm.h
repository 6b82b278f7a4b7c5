/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A played kernel with policies and SAs of IPsec, below libmnl.
 */
#ifndef PLAYED_XFRM_H
#define PLAYED_XFRM_H

#include <errno.h>
#include <netinet/in.h>

#include "hooks/association.h"
#include "scratch.h"
#include "tap.h"

enum { MOST = 32 };

static struct entry {
	struct xfrm_userpolicy_info info;
	uint8_t type, template, optional;
	uint32_t if_id;
} entries[MOST];
static size_t n_entries;
/* What was asked for, a letter each: policies, added, removed, ESP and AH flushed. */
static char asked[256];
static unsigned int n_states;
static int refused, dumps_changed;
static bool no_sub_policies;

static char answer[NETLINK_ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
static size_t answer_size;
static int end_fds[2];
static uint32_t sequence;

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)flags;
	return bus == NETLINK_XFRM ? (struct mnl_socket *)answer : NULL;
}

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid)
{
	return s && !groups && !pid ? 0 : -1;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return fd >= 0 && address && size ? 0 : -1;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	return s ? 7 : 0;
}

/* It can be read at all times. */
int mnl_socket_get_fd(const struct mnl_socket *s)
{
	return s ? end_fds[0] : -1;
}

int mnl_socket_setsockopt(const struct mnl_socket *s, int type, void *value, socklen_t size)
{
	return s && type && value && size ? 0 : -1;
}

int mnl_socket_close(struct mnl_socket *s)
{
	return s ? 0 : -1;
}

static struct nlmsghdr *begin(uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(answer + answer_size);

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	message->nlmsg_seq = sequence;
	message->nlmsg_pid = 7;
	if (size)
		mnl_nlmsg_put_extra_header(message, size);
	return message;
}

static void end(const struct nlmsghdr *message)
{
	answer_size += NLMSG_ALIGN(message->nlmsg_len);
}

static void put_policy(const struct entry *entry)
{
	struct nlmsghdr *message = begin(XFRM_MSG_NEWPOLICY, NLM_F_MULTI, sizeof(entry->info));
	const struct xfrm_userpolicy_type type = { .type = entry->type };
	struct xfrm_user_tmpl template = { .id.proto = entry->template, .optional = entry->optional };

	memcpy(mnl_nlmsg_get_payload(message), &entry->info, sizeof(entry->info));
	if (entry->template)
		mnl_attr_put(message, XFRMA_TMPL, sizeof(template), &template);
	mnl_attr_put(message, XFRMA_POLICY_TYPE, sizeof(type), &type);
	if (entry->if_id)
		mnl_attr_put_u32(message, XFRMA_IF_ID, entry->if_id);
	/* Of a later Linux. */
	mnl_attr_put_u32(message, XFRMA_MAX + 9, 1);
	end(message);
}

static void put_states(void)
{
	struct xfrm_usersa_info state = { .seq = 1 };
	struct nlmsghdr *message;
	unsigned int i;

	/* One for compression, and one that waits for keys, count for nothing. */
	for (i = 0; i < n_states + 2; i++) {
		message = begin(XFRM_MSG_NEWSA, NLM_F_MULTI, sizeof(state));
		state.id.spi = i;
		state.id.proto = i == 1 ? IPPROTO_COMP : i % 2 ? IPPROTO_AH : IPPROTO_ESP;
		memcpy(mnl_nlmsg_get_payload(message), &state, sizeof(state));
		end(message);
	}
}

static void put_error(int error)
{
	struct nlmsghdr *message = begin(NLMSG_ERROR, 0, sizeof(struct nlmsgerr));

	((struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error = -error;
	end(message);
}

static const void *find(const struct nlmsghdr *request, size_t size, int type)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, request, size)
		if (mnl_attr_get_type(attribute) == type)
			return mnl_attr_get_payload(attribute);
	return NULL;
}

static int add_policy(const struct nlmsghdr *request)
{
	const size_t size = sizeof(struct xfrm_userpolicy_info);
	const struct xfrm_userpolicy_type *type = find(request, size, XFRMA_POLICY_TYPE);
	const uint32_t *if_id = find(request, size, XFRMA_IF_ID);
	struct entry entry = { .type = type->type, .if_id = if_id ? *if_id : 0 };
	size_t i;

	memcpy(&entry.info, mnl_nlmsg_get_payload(request), size);
	if (no_sub_policies && entry.type == XFRM_POLICY_TYPE_SUB)
		return EINVAL;
	for (i = 0; i < n_entries; i++)
		if (entries[i].type == entry.type && entries[i].if_id == entry.if_id &&
		    !memcmp(&entries[i].info.sel, &entry.info.sel, sizeof(entry.info.sel)))
			return EEXIST;
	entry.info.index = 8 * (n_entries + 100);
	entries[n_entries++] = entry;
	return 0;
}

static int remove_policy(const struct nlmsghdr *request)
{
	const struct xfrm_userpolicy_id *id = mnl_nlmsg_get_payload(request);
	const struct xfrm_userpolicy_type *type = find(request, sizeof(*id), XFRMA_POLICY_TYPE);
	size_t i;

	for (i = 0; i < n_entries; i++)
		if (entries[i].type == type->type && entries[i].info.index == id->index &&
		    entries[i].info.dir == id->dir) {
			entries[i] = entries[--n_entries];
			return 0;
		}
	return ENOENT;
}

static void list(const struct nlmsghdr *request)
{
	size_t i;

	for (i = 0; i < n_entries && request->nlmsg_type == XFRM_MSG_GETPOLICY; i++)
		put_policy(&entries[i]);
	if (request->nlmsg_type == XFRM_MSG_GETSA)
		put_states();
	end(begin(NLMSG_DONE, NLM_F_MULTI | (dumps_changed && dumps_changed-- ? NLM_F_DUMP_INTR : 0), 4));
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *buffer, size_t size)
{
	const struct nlmsghdr *request = buffer;
	const struct xfrm_usersa_flush *flush = mnl_nlmsg_get_payload(request);
	char letter = '?';
	int error = 0;

	(void)s;
	sequence = request->nlmsg_seq;
	answer_size = 0;
	if ((request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !refused) {
		list(request);
		letter = 'l';
	} else if (request->nlmsg_type == XFRM_MSG_FLUSHSA) {
		letter = flush->proto == IPPROTO_ESP ? 'e' : flush->proto == IPPROTO_AH ? 'h' : '?';
		n_states = 0;
	} else if (request->nlmsg_type == XFRM_MSG_NEWPOLICY) {
		error = add_policy(request);
		letter = 'a';
	} else if (request->nlmsg_type == XFRM_MSG_DELPOLICY) {
		error = remove_policy(request);
		letter = 'd';
	}
	if (letter != 'l')
		put_error(refused ? refused : error);
	snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%c", letter);
	return size;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t size)
{
	(void)s;
	if (answer_size > size)
		scratch_give_up("answer");
	memcpy(buffer, answer, answer_size);
	return answer_size;
}

static struct entry *have(uint8_t last, uint8_t template, uint8_t optional)
{
	struct entry *entry = &entries[n_entries++];

	*entry = (struct entry){
		.info = { .dir = XFRM_POLICY_OUT, .priority = 1000 + last, .index = 8 * n_entries + 1,
			  .curlft.add_time = 50 },
		.template = template, .optional = optional,
	};
	entry->info.sel.family = AF_INET;
	entry->info.sel.prefixlen_d = 24;
	entry->info.sel.daddr.a4 = htonl(0x0a000000u + last * 256u);
	return entry;
}

static void begin_test(struct netlink *ret_xfrm)
{
	n_entries = 0;
	n_states = 4;
	refused = dumps_changed = 0;
	no_sub_policies = false;
	asked[0] = '\0';
	if (netlink_open(NETLINK_XFRM, ret_xfrm))
		scratch_give_up("netlink");
}

/* How many there are of a type and an action that are ours. */
static unsigned int count(uint8_t type, uint8_t action)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < n_entries; i++)
		n += entries[i].info.sel.user == IPSEC_OURS && entries[i].type == type &&
		     entries[i].info.action == action;
	return n;
}

#endif /* PLAYED_XFRM_H */
