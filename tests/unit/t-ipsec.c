/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * IPsec's policies and SAs as a played kernel has them: what is blocked, in which order, and
 * lifted again.
 */
#include <errno.h>
#include <netinet/in.h>

#include "hooks/association.h"
#include "scratch.h"
#include "tap.h"

/* ---- a kernel, instead of libmnl's sockets ------------------------------- */

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

/* ---- policies ------------------------------------------------------------ */

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

static void test_block(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	unsigned int n;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 0);
	have(2, IPPROTO_AH, 0)->if_id = 9;
	have(3, 0, 0);
	have(4, IPPROTO_COMP, 0);
	have(5, IPPROTO_ESP, 0)->info.dir = XFRM_POLICY_IN;
	have(6, IPPROTO_ESP, 0)->info.action = XFRM_POLICY_BLOCK;
	equal(ipsec_count(&xfrm, &n), 0, "SAs are counted");
	equal(n, 4, "those of ESP and AH that have keys");
	asked[0] = '\0';
	equal(association_forget(&xfrm, &blocked), 0, "what there is, is forgotten and blocked");
	ok(!strcmp(asked, "lehaaaaeh"), "the SAs go first, exceptions come before blocks, and what waits for keys goes too: %s", asked);
	equal(blocked.required, 2, "two must be encrypted");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_BLOCK), 2, "these are blocked");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW), 2, "exceptions are not");
	equal(entries[n_entries - 1].if_id, 9, "it is the same interface's");
	equal(entries[n_entries - 1].info.priority, 1002, "and takes the same place");
	equal(association_forget(&xfrm, &blocked), 0, "once more is the same");
	equal(n_entries, 10, "nothing is added");
	netlink_close(&xfrm);
}

static void test_optional(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 1);
	have(2, IPPROTO_ESP, 0);
	have(3, 0, 0);
	equal(association_forget(&xfrm, &blocked), 0, "one is optional");
	ok(!strcmp(asked, "laaehaaeh"), "it is blocked before the SAs are gone: %s", asked);
	equal(blocked.optional, 1, "which is told");
	netlink_close(&xfrm);
}

static void test_failures(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct ipsec_policies policies;
	struct netlink xfrm;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 0);
	no_sub_policies = true;
	equal(association_forget(&xfrm, &blocked), -EINVAL, "without sub policies that is told");
	equal(n_states, 0, "and the SAs are forgotten");
	refused = EPERM;
	equal(association_forget(&xfrm, &blocked), -EPERM, "so is a lack of rights");
	equal(ipsec_list(&xfrm, &policies), -EPERM, "also of who only looks");
	refused = 0;
	dumps_changed = NETLINK_TRIES - 1;
	equal(ipsec_list(&xfrm, &policies), 0, "a list that changes meanwhile is read again");
	equal(policies.n, 1, "and has each once");
	ipsec_free(&policies);
	dumps_changed = NETLINK_TRIES;
	equal(ipsec_list(&xfrm, &policies), -EINTR, "but not for ever");
	netlink_close(&xfrm);
}

static void test_lift(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	unsigned int left;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 0);
	have(2, IPPROTO_ESP, 0);
	have(3, 0, 0);
	(void)association_forget(&xfrm, &blocked);
	equal(ipsec_lift(&xfrm, 60, &left), 0, "the daemon is not back");
	equal(left, 2, "so both blocks stay");
	entries[0].info.curlft.add_time = 60;
	equal(ipsec_lift(&xfrm, 60, &left), 0, "it has installed one policy");
	equal(left, 1, "whose block is lifted");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW), 1, "the exception stays with the other");
	entries[1].info.curlft.add_time = 70;
	entries[1].if_id = 5;
	equal(ipsec_lift(&xfrm, 60, &left), 0, "that of another interface");
	equal(left, 1, "lifts nothing");
	entries[1].if_id = 0;
	equal(ipsec_lift(&xfrm, 60, &left), 0, "that of the same");
	equal(left, 0, "does");
	equal(n_entries, 3, "and nothing of ours is left");
	netlink_close(&xfrm);
}

static void test_yield(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	unsigned int left;
	uint32_t lowest = 0;
	size_t i;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 0);
	have(2, 0, 0);
	(void)association_forget(&xfrm, &blocked);
	entries[0] = entries[--n_entries];	/* flushed by the daemon */
	equal(ipsec_yield(&xfrm), 0, "a block can give way");
	for (i = 0; i < n_entries; i++)
		lowest = entries[i].info.priority > lowest ? entries[i].info.priority : lowest;
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_BLOCK) + count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW),
	      0, "no sub policy is left");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 1, "it is an ordinary policy then");
	equal(lowest, UINT32_MAX, "the last of all");
	have(1, IPPROTO_ESP, 0)->info.curlft.add_time = 60;
	equal(ipsec_lift(&xfrm, 60, &left), 0, "the next repair");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 0, "takes it away");
	netlink_close(&xfrm);
}

int main(void)
{
	if (pipe(end_fds) || close(end_fds[1]))
		scratch_give_up("pipe");
	test_block();
	test_optional();
	test_failures();
	test_lift();
	test_yield();
	return tap_done();
}
