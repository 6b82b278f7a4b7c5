/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 10-ipsec-manual does and says, and 10-ipsec of the same SAs, with a kernel and network
 * name spaces that are played.
 */
#include "xfrm.h"
#include "keys/netns.h"
#include "printed.h"

static int played_walk(int limit_ms, const struct netns_visitor *visitor);
#define netns_walk played_walk
static bool played_is_in(void);
#define ike_is_in(known) ((void)(known), played_is_in())
#define ipsec_open(xfrm) netlink_open(NETLINK_XFRM, xfrm)
#include "hooks/ipsecmanual.c"
#undef netns_walk
#undef ike_is_in
#undef ipsec_open

static struct {
	int error, missed;
	bool of_daemon, foreign;
} around;

static int played_walk(int limit_ms, const struct netns_visitor *visitor)
{
	const struct netns blue = { .name = "blue", .foreign = around.foreign };
	const struct netns other = { .name = "a\x1b]b", .foreign = around.foreign };

	(void)limit_ms;
	visitor->visit(&blue, visitor->context);
	if (around.missed)
		visitor->missed(&other, around.missed, visitor->context);
	return around.error;
}

static bool played_is_in(void)
{
	return around.of_daemon;
}

static char said[2048];

/* NULL: what 10-ipsec says of them. */
static int run_manual(const bool *drill)
{
	const struct ike_namespaces known = { .n = 0 };
	int status = 0;

	printed_begin();
	if (drill)
		status = association_forget_manual(*drill);
	else
		association_name_manual(&known);
	printed_end(said, sizeof(said));
	return status;
}

static void test_manual(void)
{
	const bool change = false, drill = true;
	struct netlink xfrm;

	begin_test(&xfrm);
	netlink_close(&xfrm);
	have(1, IPPROTO_ESP, 0);
	have(2, IPPROTO_ESP, 1);
	run_manual(NULL);
	ok(!strcmp(said, "network name space blue: 4 SAs that no known daemon has agreed on are left to 10-ipsec-manual\n"),
	   "10-ipsec names them");
	equal(run_manual(&drill), 0, "there is something to do");
	ok(strstr(said, "agreed on would be forgotten\n"), "which a drill says");
	ok(!strcmp(asked, "ll"), "both change nothing: %s", asked);
	asked[0] = '\0';
	equal(run_manual(&change), 0, "at a change they are forgotten");
	ok(!strcmp(asked, "llaeheh"), "after what would leave in plain text is blocked: %s", asked);
	ok(strstr(said, "agreed on are forgotten\nset others on both ends; "), "that is said");
	ok(strstr(said, "(policies of level use: 1) is blocked; ") && strstr(said, "ip xfrm policy flush ptype sub\n"),
	   "and how to let it through");
	equal(count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_BLOCK), 1, "policies that must encrypt suffice");
	n_entries = 0;
	n_states = 1;
	equal(run_manual(&change), 0, "where no policy lets anything through");
	ok(!strstr(said, "level use"), "nothing is said of that");
}

static void test_no_manual(void)
{
	const bool change = false;
	struct netlink xfrm;

	begin_test(&xfrm);
	netlink_close(&xfrm);
	around.of_daemon = true;
	equal(run_manual(&change), NOT_APPLICABLE, "where a daemon is");
	run_manual(NULL);
	ok(!*asked && !*said, "nothing is asked, changed or said");
	around.of_daemon = false;
	refused = EPERM;
	equal(run_manual(&change), NOT_APPLICABLE, "without rights");
	ok(strstr(said, "needs CAP_NET_ADMIN\n"), "which is said");
	refused = EIO;
	equal(run_manual(&change), 1, "a kernel that does not tell");
	refused = 0;
	around.missed = -EBUSY;
	equal(run_manual(&change), 1, "a name space that could not be entered");
	ok(strstr(said, "name space a\\x1b]b was not looked at: ") && strstr(said, "are forgotten"),
	   "is named so that it is harmless, and the others are seen to");
	around.missed = 0;
	around.error = -ETIMEDOUT;
	equal(run_manual(&change), 1, "there was no time for all");
	around.error = 0;
	n_states = 0;
}

/* Any user may have such ones. */
static void test_foreign(void)
{
	const bool change = false;
	struct netlink xfrm;

	begin_test(&xfrm);
	netlink_close(&xfrm);
	around.foreign = true;
	around.missed = -EBUSY;
	equal(run_manual(&change), NOT_APPLICABLE, "what strangers have decides about no exit status");
	ok(!strcmp(asked, "lleheh") && !strstr(said, "no SAs") && strstr(said, "4 SAs in network name spaces of other user name spaces are forgotten\n1 network name spaces of other user name spaces were not looked at\n"),
	   "their SAs are forgotten all the same, and counted");
	refused = EIO;
	equal(run_manual(&change), NOT_APPLICABLE, "nor does a kernel that does not tell of them");
	refused = around.missed = 0;
	around.foreign = false;
}

int main(void)
{
	if (pipe(end_fds) || close(end_fds[1]))
		scratch_give_up("pipe");
	test_manual();
	test_no_manual();
	test_foreign();
	return tap_done();
}
