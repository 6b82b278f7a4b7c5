/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 50-ipsec does and says when daemons or policies do not come back, and who calls it and
 * 10-ipsec without an event. The kernel, the service manager, the daemons and the note are
 * played, and no time is left to wait.
 */
#include "xfrm.h"
#include "base/deadline.h"
#include "printed.h"
#include "process/capture.h"

static void played_find(const char *const *mounts, void (*found)(struct ike_unit *unit),
			struct ike_units *ret_units);
static int played_systemctl(const char *const argv[]);
static int played_visit(association_visitor *visit, void *context);
static struct association_note noted;

#define ike_find played_find
#define ike_release(units) ((void)(units))
#define ike_is_frozen(unit) ((unit)->fd)
#define ike_kill(unit, deadline) ((void)(unit), (void)(deadline), 0)
#define capture_output(argv, ...) played_systemctl(argv)
#define deadline_left(deadline) ((void)(deadline), 0)
#define association_read(ret) (*(ret) = noted)
#define association_write(own) (noted = *(own), 0)
#define association_visit(units, visit, context, ret) ((void)(ret), played_visit(visit, context))
#define association_visit_also_own(units, visit, context) played_visit(visit, context)
#include "hooks/ipsecrepair.c"
int hook_main(int argc, char **argv);
#define main hook_main
#include "hooks/ipsec.c"
#undef main

/* Units that run, and one that cannot be started. */
static const char *running[2], *broken;
static bool frozen;
static pid_t place;
static unsigned int stops;

static void played_find(const char *const *mounts, void (*found)(struct ike_unit *unit),
			struct ike_units *ret_units)
{
	size_t i;

	(void)mounts;
	(void)found;
	ret_units->n = 0;
	for (i = 0; i < 2; i++)
		if (running[i])
			ret_units->unit[ret_units->n++] = (struct ike_unit){ running[i], frozen };
}

static int played_systemctl(const char *const argv[])
{
	if (!strcmp(argv[2], "start") || !strcmp(argv[1], "start"))
		frozen = false;
	return broken && !strcmp(argv[3], broken) ? 1 : 0;
}

static int played_visit(association_visitor *visit, void *context)
{
	struct netlink xfrm;
	int r = netlink_open(NETLINK_XFRM, &xfrm);

	if (r)
		return r;
	r = visit(&xfrm, place, context);
	netlink_close(&xfrm);
	return r;
}

int association_stop(bool drill)
{
	(void)drill;
	stops++;
	return 0;
}

int association_forget_manual(bool drill)
{
	return association_stop(drill);
}

static char said[4096];

static int run(const char *hook)
{
	char name[32], *argv[] = { name, NULL };
	int status;

	snprintf(name, sizeof(name), "/x/%s", hook);
	printed_begin();
	status = hook_main(1, argv);
	printed_end(said, sizeof(said));
	return status;
}

/* The guard has stopped these, and what there is, is blocked. */
static void begin_repair(const char *first, const char *second)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;

	begin_test(&xfrm);
	have(1, IPPROTO_ESP, 0);
	have(2, IPPROTO_ESP, 1);
	(void)association_forget(&xfrm, &blocked);
	netlink_close(&xfrm);
	noted = (struct association_note){ .generation = 4 };
	running[0] = first;
	running[1] = second;
	association_add(&noted, first);
	if (second)
		association_add(&noted, second);
	frozen = true;
	broken = NULL;
	place = 0;
}

static void come_back(size_t policy)
{
	entries[policy].info.curlft.add_time = UINT64_MAX;
}

static unsigned int count_sub(void)
{
	return count(XFRM_POLICY_TYPE_SUB, XFRM_POLICY_BLOCK);
}

static void test_back(void)
{
	begin_repair("ipsec.service", NULL);
	come_back(0);
	come_back(1);
	equal(run("50-ipsec"), 0, "a daemon is back");
	ok(!strcmp(said, "ipsec.service is started again\n"), "which is said");
	equal(count_sub(), 0, "nothing is blocked");
	equal(run("50-ipsec"), NOT_APPLICABLE, "and nothing is left to do");
}

static void test_ended(void)
{
	begin_repair("ipsec.service", NULL);
	running[0] = NULL;
	come_back(0);
	come_back(1);
	equal(run("50-ipsec"), 1, "a daemon that has ended after its start");
	ok(strstr(said, "ipsec.service does not run, see systemctl status ipsec.service; what its policies matched stays blocked; when it can start: vmgenctl hooks run --real 50-ipsec\n"),
	   "is named with the remedy");
	ok(association_has(&noted, "ipsec.service"), "and stays on the note");
	running[0] = "ipsec.service";
	equal(run("50-ipsec"), 0, "the remedy helps");
	equal(count_sub(), 0, "and lifts the blocks");
}

static void test_other(void)
{
	begin_repair("ipsec.service", "strongswan.service");
	broken = "ipsec.service";
	come_back(0);
	come_back(1);
	equal(run("50-ipsec"), 1, "one of two daemons does not start");
	ok(strstr(said, "ipsec.service did not start; ") && !strstr(said, "does not run"), "which is said once");
	equal(count_sub(), 0, "the tunnels of the other are let through");
	ok(association_has(&noted, "ipsec.service"), "it can be run again");
	begin_repair("ipsec.service", NULL);
	broken = "ipsec.service";
	equal(run("50-ipsec"), 1, "the only one does not start");
	equal(count_sub(), 2, "all stays blocked");
}

static void test_old_optional(void)
{
	begin_repair("ipsec.service", NULL);
	place = 42;
	/* It and its block, which came first. */
	entries[1].if_id = 7;
	entries[2].if_id = 7;
	equal(run("50-ipsec"), 1, "a policy of level use is not back");
	equal(count_sub(), 1, "it is blocked, the one that must encrypt is not");
	ok(strstr(said, "dst 10.0.2.0/24: only an old policy of level use is there, so it stays blocked; to lift that at once: nsenter -t 42 -n ip xfrm policy delete dir out index ") &&
	   strstr(said, " ptype sub if_id 0x7\n"), "it is named");
	/* What came after the first run is new to the second as well. */
	noted.since = 100;
	entries[1].info.curlft.add_time = 150;
	equal(run("50-ipsec"), 0, "when it is back this can be run again");
	equal(count_sub(), 0, "and lets it through");
}

static void test_giving_way(void)
{
	begin_repair("ipsec.service", NULL);
	come_back(1);
	entries[0] = entries[--n_entries];	/* flushed by the daemon */
	equal(run("50-ipsec"), 0, "one that has to call first is not waited for");
	equal(count_sub(), 0, "what has no policy");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 1, "gives way to one");
	ok(strstr(said, "stays blocked until one is; to lift that at once: ip xfrm policy delete dir out index ") &&
	   strstr(said, " ptype main\n") && strstr(said, "this takes the blocks away: vmgenctl hooks run --real 50-ipsec\n"),
	   "which is said");
	ok(!*noted.units, "no daemon is started again for it");
	equal(run("50-ipsec"), 0, "it has not called yet");
	ok(strstr(said, "dst 10.0.1.0/24: no policy is back"), "which is said again");
	have(1, IPPROTO_ESP, 0);
	come_back(n_entries - 1);
	equal(run("50-ipsec"), 0, "it has called");
	equal(count(XFRM_POLICY_TYPE_MAIN, XFRM_POLICY_BLOCK), 0, "and its block is taken away");
	equal(run("50-ipsec"), NOT_APPLICABLE, "then there is nothing left to do");
}

static void test_no_sub_policies(void)
{
	begin_repair("ipsec.service", NULL);
	n_entries = 2;
	no_sub_policies = true;
	equal(run("50-ipsec"), 0, "where nothing can be blocked the daemon is started all the same");
	ok(strstr(said, "nothing is blocked while it starts (no CONFIG_XFRM_SUB_POLICY)\n"), "which is said");
}

static void test_many(void)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	int i;

	begin_repair("ipsec.service", NULL);
	begin_test(&xfrm);
	for (i = 1; i <= ASSOCIATION_NAMED_MAX + 2; i++)
		have(i, IPPROTO_ESP, 1);
	(void)association_forget(&xfrm, &blocked);
	netlink_close(&xfrm);
	equal(run("50-ipsec"), 1, "many are not back");
	ok(strstr(said, "dst 10.0.10.0/24: ") && !strstr(said, "dst 10.0.11.0/24: ") &&
	   strstr(said, "and 2 others: ip xfrm policy\n"), "ten are named");
}

static void test_event(void)
{
	unsetenv("VMGEN_EVENT");
	begin_repair("ipsec.service", NULL);
	equal(run("50-ipsec"), NOT_APPLICABLE, "without an event nothing is started");
	ok(frozen && count_sub() == 2, "and nothing lifted");
	equal(run("10-ipsec"), NOT_APPLICABLE, "nobody's SAs are forgotten");
	equal(run("10-ipsec-manual"), NOT_APPLICABLE, "nor those that nobody replaces");
	equal(stops, 0, "so it is");
	setenv("VMGEN_EVENT", "test", 1);
	equal(run("10-ipsec"), 0, "a drill runs");
	equal(run("50-ipsec"), 0, "that of the other too");
	ok(!strcmp(said, "would start ipsec.service again\nwould lift the blocks of what has a policy again\n"), "and says what it would do");
	setenv("VMGEN_EVENT", "changed", 1);
	equal(run("10-ipsec"), 0, "so does a change");
	equal(stops, 2, "both of them");
}

int main(void)
{
	if (pipe(end_fds) || close(end_fds[1]))
		scratch_give_up("pipe");
	test_event();
	test_back();
	test_ended();
	test_other();
	test_old_optional();
	test_giving_way();
	test_no_sub_policies();
	test_many();
	return tap_done();
}
