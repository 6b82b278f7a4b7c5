/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * IPsec's policies and SAs as a played kernel has them: what is blocked, in which order, and
 * lifted again.
 */
#include "xfrm.h"

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
