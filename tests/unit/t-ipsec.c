/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * IPsec's policies and SAs as a played kernel has them: what is blocked, in which order, and
 * lifted again.
 */
#include "xfrm.h"

#define ipsec_open(xfrm) netlink_open(NETLINK_XFRM, xfrm)
#include "hooks/association.c"
#undef ipsec_open

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
	equal(ipsec_lift(&xfrm, 60, false, &left), 0, "the daemon is not back");
	equal(left, 2, "so both blocks stay");
	entries[0].info.curlft.add_time = 60;
	equal(ipsec_lift(&xfrm, 60, false, &left), 0, "it has installed one policy");
	equal(left, 1, "whose block is lifted");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW), 1, "the exception stays with the other");
	entries[1].info.curlft.add_time = 70;
	entries[1].if_id = 5;
	equal(ipsec_lift(&xfrm, 60, false, &left), 0, "that of another interface");
	equal(left, 1, "lifts nothing");
	entries[1].if_id = 0;
	equal(ipsec_lift(&xfrm, 60, false, &left), 0, "that of the same");
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
	equal(ipsec_lift(&xfrm, 60, false, &left), 0, "the next repair");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 0, "takes it away");
	netlink_close(&xfrm);
}

/* What a killed daemon has left lets through what it cannot encrypt. */
static void test_old_optional(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	unsigned int left;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 1);
	have(2, IPPROTO_ESP, 0);
	have(3, IPPROTO_ESP, 0);
	have(4, 0, 0);
	(void)association_forget(&xfrm, &blocked);
	entries[2] = entries[--n_entries];	/* flushed by the daemon */
	equal(ipsec_lift(&xfrm, 60, true, &left), 0, "those of before are counted as well");
	equal(left, 2, "one that must encrypt will do, one that is optional will not");
	equal(ipsec_yield(&xfrm), 0, "of the others");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 1, "that which has none gives way");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_BLOCK), 1, "what would leave in plain text stays blocked");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW), 1, "with its exceptions");
	entries[0].info.curlft.add_time = 60;
	equal(ipsec_lift(&xfrm, 60, true, &left), 0, "when it is installed anew");
	equal(left, 0, "it is let through");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_ALLOW), 0, "and the exceptions go");
	netlink_close(&xfrm);
}

static void test_names(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct ipsec_policy policy = { .kind = IPSEC_BLOCK, .info.index = 81 };
	struct netlink xfrm;
	char text[160];
	int i;

	begin_test(&xfrm);
	for (i = 1; i <= ASSOCIATION_NAMED_MAX + 2; i++)
		have(i, IPPROTO_ESP, 1);
	(void)association_forget(&xfrm, &blocked);
	equal(blocked.optional, ASSOCIATION_NAMED_MAX + 2, "policies of level use are counted");
	ipsec_describe(&blocked.named[ASSOCIATION_NAMED_MAX - 1], text, sizeof(text));
	ok(!strcmp(text, "src 0.0.0.0/0 dst 10.0.10.0/24"), "and named, up to a limit: %s", text);
	ipsec_write_removal(&policy, text, sizeof(text));
	ok(!strcmp(text, "ip xfrm policy delete dir out index 81 ptype sub"), "a block: %s", text);
	policy.kind = IPSEC_REST;
	policy.mark.v = 16;
	policy.mark.m = 0xff;
	policy.if_id = 5;
	ipsec_write_removal(&policy, text, sizeof(text));
	ok(!strcmp(text, "ip xfrm policy delete dir out index 81 ptype main mark 0x10 mask 0xff if_id 0x5"),
	   "what it is found by is said: %s", text);
	netlink_close(&xfrm);
}

static int visit_once(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	(void)xfrm;
	*(int *)context += elsewhere ? 100 : 1;
	return 0;
}

static void test_own(void)
{
	struct ike_units units = { .n = 0 };
	int visits = 0;
	char text[16];

	equal(association_visit_also_own(&units, visit_once, &visits), 0, "without a daemon");
	equal(visits, 1, "the own network name space is visited");
	snprintf(text, sizeof(text), "%d\n", getpid());
	scratch_mkdir("unit", 0755);
	scratch_write("unit/cgroup.procs", text, 0644);
	units.unit[0].fd = open(scratch_path("unit"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	units.n = 1;
	equal(association_visit_also_own(&units, visit_once, &visits), 0, "where a daemon is in it");
	equal(visits, 2, "it is visited once");
	scratch_write("unit/cgroup.procs", "", 0644);
	equal(association_visit_also_own(&units, visit_once, &visits), 0, "where one has ended meanwhile");
	equal(visits, 3, "it is visited");
	ike_release(&units);
}

int main(void)
{
	if (pipe(end_fds) || close(end_fds[1]))
		scratch_give_up("pipe");
	scratch_create();
	test_block();
	test_optional();
	test_failures();
	test_lift();
	test_yield();
	test_old_optional();
	test_names();
	test_own();
	return tap_done();
}
