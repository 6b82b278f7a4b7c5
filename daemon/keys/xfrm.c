/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xfrm.h"

enum {
	MOST_POLICIES = 1 << 20,
	/* A request with its header and attributes. */
	REQUEST_SIZE = 512,
};

/* The kernel's own end of it is in this list, if there is one. */
static bool is_loaded(void)
{
	FILE *list = fopen("/proc/thread-self/net/netlink", "re");
	unsigned int bus, port;
	char line[256];
	bool found = false;

	if (!list)
		return false;
	while (!found && fgets(line, sizeof(line), list))
		found = sscanf(line, "%*s %u %u", &bus, &port) == 2 && bus == NETLINK_XFRM && !port;
	fclose(list);
	return found;
}

int ipsec_open(struct netlink *ret_xfrm)
{
	return is_loaded() ? netlink_open(NETLINK_XFRM, ret_xfrm) : -EPROTONOSUPPORT;
}

/* ---- SAs ----------------------------------------------------------------- */

/* It is aligned to 4 bytes there, and holds numbers of 8. */
static bool copy(const struct nlmsghdr *message, uint16_t type, void *to, size_t size)
{
	if (message->nlmsg_type != type || mnl_nlmsg_get_payload_len(message) < size)
		return false;
	memcpy(to, mnl_nlmsg_get_payload(message), size);
	return true;
}

/* Those that only wait for keys have no number yet. */
static int take_state(const struct nlmsghdr *message, void *context)
{
	struct xfrm_usersa_info state;
	unsigned int *n = context;

	if (copy(message, XFRM_MSG_NEWSA, &state, sizeof(state)) && state.id.spi &&
	    (state.id.proto == IPPROTO_ESP || state.id.proto == IPPROTO_AH))
		++*n;
	return MNL_CB_OK;
}

static int dump(struct netlink *xfrm, uint16_t type, mnl_cb_t take, void *context)
{
	char request[NLMSG_SPACE(0)] __attribute__((aligned(NLMSG_ALIGNTO)));

	return netlink_ask(xfrm, netlink_begin(request, type, NLM_F_DUMP, 0, NULL), take, context);
}

int ipsec_count(struct netlink *xfrm, unsigned int *ret_n)
{
	unsigned int n;
	int i, r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		n = 0;
		r = dump(xfrm, XFRM_MSG_GETSA, take_state, &n);
	}
	if (!r)
		*ret_n = n;
	return r;
}

static int flush(struct netlink *xfrm, uint8_t protocol)
{
	char request[NLMSG_SPACE(sizeof(struct xfrm_usersa_flush))]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct xfrm_usersa_flush *own;
	struct nlmsghdr *message;
	int r;

	message = netlink_begin(request, XFRM_MSG_FLUSHSA, 0, sizeof(*own), (void **)&own);
	own->proto = protocol;
	r = netlink_ask(xfrm, message, NULL, NULL);
	/* As old kernels say that there was none. */
	return r == -ESRCH ? 0 : r;
}

int ipsec_flush(struct netlink *xfrm)
{
	int r = flush(xfrm, IPPROTO_ESP), also = flush(xfrm, IPPROTO_AH);

	return r ? r : also;
}

/* ---- policies ------------------------------------------------------------ */

static bool is_sub(const struct nlattr *attribute)
{
	const struct xfrm_userpolicy_type *type;

	if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(*type))
		return false;
	type = mnl_attr_get_payload(attribute);
	return type->type == XFRM_POLICY_TYPE_SUB;
}

/* What the templates demand: compression alone encrypts nothing. */
static enum ipsec_kind kind_of_templates(const struct nlattr *attribute)
{
	enum ipsec_kind kind = IPSEC_BYPASS;
	const struct xfrm_user_tmpl *template;
	size_t n;

	if (!attribute)
		return kind;
	/* Of numbers of 4 bytes at most. */
	template = mnl_attr_get_payload(attribute);
	for (n = mnl_attr_get_payload_len(attribute) / sizeof(*template); n; n--, template++) {
		if (template->id.proto != IPPROTO_ESP && template->id.proto != IPPROTO_AH)
			continue;
		if (!template->optional)
			return IPSEC_REQUIRED;
		kind = IPSEC_OPTIONAL;
	}
	return kind;
}

static enum ipsec_kind kind_of(const struct xfrm_userpolicy_info *info,
			       const struct nlattr *const attributes[])
{
	bool blocks = info->action == XFRM_POLICY_BLOCK;

	if (info->sel.user == IPSEC_OURS)
		return !is_sub(attributes[XFRMA_POLICY_TYPE]) ? IPSEC_REST :
		       blocks ? IPSEC_BLOCK : IPSEC_BLOCK_BYPASS;
	if (blocks || is_sub(attributes[XFRMA_POLICY_TYPE]))
		return IPSEC_OTHER;
	return kind_of_templates(attributes[XFRMA_TMPL]);
}

static struct ipsec_policy *add(struct ipsec_policies *policies)
{
	struct ipsec_policy *larger;
	size_t room;

	if (policies->n == policies->room) {
		room = policies->room ? 2 * policies->room : 64;
		larger = room > MOST_POLICIES ? NULL :
			 realloc(policies->policy, room * sizeof(*larger));
		if (!larger)
			return NULL;
		policies->policy = larger;
		policies->room = room;
	}
	return &policies->policy[policies->n++];
}

static int take_policy(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[XFRMA_MAX + 1] = { NULL }, *attribute;
	struct xfrm_userpolicy_info info;
	struct ipsec_policy *policy;

	if (!copy(message, XFRM_MSG_NEWPOLICY, &info, sizeof(info)) || info.dir != XFRM_POLICY_OUT)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(info))
		if (mnl_attr_get_type(attribute) <= XFRMA_MAX)
			attributes[mnl_attr_get_type(attribute)] = attribute;
	policy = add(context);
	if (!policy) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	*policy = (struct ipsec_policy){ .kind = kind_of(&info, attributes), .info = info };
	attribute = attributes[XFRMA_MARK];
	if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(policy->mark))
		memcpy(&policy->mark, mnl_attr_get_payload(attribute), sizeof(policy->mark));
	attribute = attributes[XFRMA_IF_ID];
	if (attribute && !mnl_attr_validate(attribute, MNL_TYPE_U32))
		policy->if_id = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

int ipsec_list(struct netlink *xfrm, struct ipsec_policies *ret_policies)
{
	struct ipsec_policies policies = { .n = 0 };
	int i, r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		policies.n = 0;
		r = dump(xfrm, XFRM_MSG_GETPOLICY, take_policy, &policies);
	}
	if (r)
		ipsec_free(&policies);
	else
		*ret_policies = policies;
	return r;
}

void ipsec_free(struct ipsec_policies *policies)
{
	free(policies->policy);
	*policies = (struct ipsec_policies){ .n = 0 };
}

unsigned int ipsec_count_of(const struct ipsec_policies *policies, unsigned int kinds)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < policies->n; i++)
		n += !!(policies->policy[i].kind & kinds);
	return n;
}

void ipsec_describe(const struct ipsec_policy *policy, char *text, size_t size)
{
	const struct xfrm_selector *selector = &policy->info.sel;
	char from[INET6_ADDRSTRLEN] = "?", to[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(selector->family, &selector->saddr, from, sizeof(from));
	(void)inet_ntop(selector->family, &selector->daddr, to, sizeof(to));
	snprintf(text, size, "src %s/%u dst %s/%u", from, selector->prefixlen_s, to,
		 selector->prefixlen_d);
}

void ipsec_write_removal(const struct ipsec_policy *policy, char *text, size_t size)
{
	char mark[64] = "", if_id[32] = "";

	/* Without these the kernel finds none. */
	if (policy->mark.v || policy->mark.m)
		snprintf(mark, sizeof(mark), " mark 0x%x mask 0x%x", policy->mark.v, policy->mark.m);
	if (policy->if_id)
		snprintf(if_id, sizeof(if_id), " if_id 0x%x", policy->if_id);
	snprintf(text, size, "ip xfrm policy delete dir out index %u ptype %s%s%s",
		 policy->info.index, policy->kind == IPSEC_REST ? "main" : "sub", mark, if_id);
}

/* ---- blocks -------------------------------------------------------------- */

/* How a policy is found again: interface, mark and type belong to what it is called. */
static void put_place(struct nlmsghdr *message, const struct ipsec_policy *policy, uint8_t type)
{
	const struct xfrm_userpolicy_type own = { .type = type };

	mnl_attr_put(message, XFRMA_POLICY_TYPE, sizeof(own), &own);
	if (policy->mark.v || policy->mark.m)
		mnl_attr_put(message, XFRMA_MARK, sizeof(policy->mark), &policy->mark);
	if (policy->if_id)
		mnl_attr_put_u32(message, XFRMA_IF_ID, policy->if_id);
}

static int put(struct netlink *xfrm, const struct ipsec_policy *policy, uint8_t type,
	       uint8_t action, uint32_t priority)
{
	char request[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct xfrm_userpolicy_info info = {
		.sel = policy->info.sel,
		.lft = {
			.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
			.soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
		},
		.priority = priority, .dir = XFRM_POLICY_OUT, .action = action,
	};
	struct nlmsghdr *message;
	void *own;
	int r;

	info.sel.user = IPSEC_OURS;
	message = netlink_begin(request, XFRM_MSG_NEWPOLICY, 0, sizeof(info), &own);
	memcpy(own, &info, sizeof(info));
	put_place(message, policy, type);
	r = netlink_ask(xfrm, message, NULL, NULL);
	return r == -EEXIST ? 0 : r;
}

static int drop(struct netlink *xfrm, const struct ipsec_policy *policy)
{
	char request[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct xfrm_userpolicy_id *id;
	struct nlmsghdr *message;
	int r;

	message = netlink_begin(request, XFRM_MSG_DELPOLICY, 0, sizeof(*id), (void **)&id);
	id->sel = policy->info.sel;
	id->index = policy->info.index;
	id->dir = XFRM_POLICY_OUT;
	put_place(message, policy, policy->kind == IPSEC_REST ? XFRM_POLICY_TYPE_MAIN :
				   XFRM_POLICY_TYPE_SUB);
	r = netlink_ask(xfrm, message, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

int ipsec_block(struct netlink *xfrm, const struct ipsec_policies *policies, unsigned int kinds)
{
	const struct ipsec_policy *policy;
	bool exceptions = true;
	int one, r = 0;
	size_t i;

	/* What passes as an exception passes all the time. */
	do {
		for (i = 0; i < policies->n; i++) {
			policy = &policies->policy[i];
			if (!(policy->kind & kinds) || exceptions != (policy->kind == IPSEC_BYPASS))
				continue;
			one = put(xfrm, policy, XFRM_POLICY_TYPE_SUB,
				  exceptions ? XFRM_POLICY_ALLOW : XFRM_POLICY_BLOCK,
				  policy->info.priority);
			r = r ? r : one;
		}
		exceptions = !exceptions;
	} while (!exceptions);
	return r;
}

static bool is_same(const struct ipsec_policy *block, const struct ipsec_policy *policy)
{
	struct xfrm_selector selector = policy->info.sel;

	selector.user = IPSEC_OURS;
	return !memcmp(&selector, &block->info.sel, sizeof(selector)) &&
	       block->if_id == policy->if_id && block->mark.v == policy->mark.v &&
	       block->mark.m == policy->mark.m;
}

/* Whether there is a policy of these kinds that matches the same, and is not older. */
static bool has_policy(const struct ipsec_policies *policies, const struct ipsec_policy *block,
		       unsigned int kinds, uint64_t since)
{
	const struct ipsec_policy *policy;
	size_t i;

	for (i = 0; i < policies->n; i++) {
		policy = &policies->policy[i];
		if ((policy->kind & kinds) && policy->info.curlft.add_time >= since &&
		    is_same(block, policy))
			return true;
	}
	return false;
}

/* Drops all of these kinds. */
static int drop_all(struct netlink *xfrm, const struct ipsec_policies *policies, unsigned int kinds)
{
	int one, r = 0;
	size_t i;

	for (i = 0; i < policies->n; i++) {
		one = policies->policy[i].kind & kinds ? drop(xfrm, &policies->policy[i]) : 0;
		r = r ? r : one;
	}
	return r;
}

int ipsec_lift(struct netlink *xfrm, uint64_t since, bool also_old, unsigned int *ret_left)
{
	const struct ipsec_policy *block;
	struct ipsec_policies policies;
	unsigned int left = 0;
	size_t i;
	int r;

	r = ipsec_list(xfrm, &policies);
	if (r)
		return r;
	for (i = 0; !r && i < policies.n; i++) {
		block = &policies.policy[i];
		if (!(block->kind & (IPSEC_BLOCK | IPSEC_REST)))
			continue;
		if (has_policy(&policies, block, IPSEC_REQUIRED | IPSEC_OPTIONAL, since) ||
		    (also_old && has_policy(&policies, block, IPSEC_REQUIRED, 0)))
			r = drop(xfrm, block);
		else
			left += block->kind == IPSEC_BLOCK;
	}
	if (!r && !left)
		r = drop_all(xfrm, &policies, IPSEC_BLOCK_BYPASS);
	ipsec_free(&policies);
	if (!r)
		*ret_left = left;
	return r;
}

int ipsec_yield(struct netlink *xfrm)
{
	const struct ipsec_policy *block;
	struct ipsec_policies policies;
	bool some_stay = false;
	size_t i;
	int r;

	r = ipsec_list(xfrm, &policies);
	if (r)
		return r;
	for (i = 0; !r && i < policies.n; i++) {
		block = &policies.policy[i];
		if (block->kind != IPSEC_BLOCK)
			continue;
		if (has_policy(&policies, block, IPSEC_OPTIONAL, 0)) {
			some_stay = true;
			continue;
		}
		r = put(xfrm, block, XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK, UINT32_MAX);
		if (!r)
			r = drop(xfrm, block);
	}
	if (!r && !some_stay)
		r = drop_all(xfrm, &policies, IPSEC_BLOCK_BYPASS);
	ipsec_free(&policies);
	return r;
}
