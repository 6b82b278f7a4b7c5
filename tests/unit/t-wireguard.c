/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How interfaces of WireGuard forget, what of Linux's answers is believed, and what the hook
 * says of it.
 */
int hook_main(int argc, char **argv);
#define main hook_main
#include "hooks/wireguard.c"
#undef main

#include "printed.h"
#include "tap.h"
#include "tunnels.h"

static struct netlink netlink = { .port = PORT };

static void begin(size_t n_peers)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.is_there = true;
	kernel.n_peers = n_peers;
	memcpy(kernel.private_key, key_a, WG_KEY_LEN);
}

static int forget(void)
{
	return wireguard_forget(&netlink, FAMILY, INDEX);
}

static bool has(const uint8_t *key)
{
	return !memcmp(kernel.private_key, key, WG_KEY_LEN);
}

static void test_list(void)
{
	static struct link_list list;

	begin(0);
	equal(link_list(&netlink, WG_GENL_NAME, &list), 0, "interfaces are listed");
	ok(list.n == 1 && list.interfaces[0].index == INDEX &&
	   !strcmp(list.interfaces[0].name, "wg0") && !list.more, "those of WireGuard alone");
	kernel.n_links = LINKS_MAX;
	equal(link_list(&netlink, WG_GENL_NAME, &list), 0, "more than there is room for");
	ok(list.n == LINKS_MAX && list.more, "are told");
}

static void test_forget(void)
{
	static const size_t sizes[] = { 0, 1, PER_PART, PER_PART + 1, 1000 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(sizes[i]);
		equal(forget(), 0, "it forgets");
		ok(kernel.n_forgotten == 2 && has(key_a), "its key was another, and is the same");
		equal(kernel.n_sends, 3, "between a look before and one after it in one message");
		equal(kernel.n_peers, sizes[i], "with all its peers");
	}
	equal(forget(), 0, "again");
}

static void test_nothing(void)
{
	begin(3);
	memset(kernel.private_key, 0, WG_KEY_LEN);
	equal(forget(), -ENOKEY, "without a private key there is nothing to forget");
	begin(3);
	memset(kernel.private_key, 0, WG_KEY_LEN);
	kernel.private_key[WG_KEY_LEN - 1] = 0x40;
	equal(forget(), -ENOKEY, "nor with one that is zero inside of Linux, which could be lost");
	equal(kernel.n_sets, 0, "and nothing is set");
	begin(3);
	kernel.is_there = false;
	equal(forget(), -ENODEV, "nor if it is gone");
	begin(3);
	equal(wireguard_try(&netlink, FAMILY, INDEX), 0, "a look at it");
	equal(kernel.n_sets, 0, "sets nothing");
}

static void test_failures(void)
{
	begin(3);
	kernel.fails_at = 2;
	kernel.error = -ENOMEM;
	equal(forget(), 0, "the key that could not be given back");
	ok(has(key_a) && kernel.n_forgotten == 2, "is given back once more");
	begin(3);
	kernel.fails_at = 1;
	kernel.error = -EPERM;
	equal(forget(), -EPERM, "one that could not be taken away is told");
	ok(has(key_a), "and is there");
	begin(3);
	kernel.silent = true;
	ok(forget() < 0, "answers that are lost are told");
	ok(has(key_a), "and the key is there");
	begin(3);
	kernel.loses_at = 1;
	equal(forget(), -ESTALE, "a peer that is missing afterwards is told");
	begin(3);
	kernel.swaps_at = 2;
	equal(forget(), -ESTALE, "also if there is another instead");
}

/* Somebody else sets keys at the same time. */
static void test_others(void)
{
	begin(3);
	kernel.meddled_at = 2;
	memcpy(kernel.meddled, key_b, WG_KEY_LEN);
	equal(forget(), 0, "a key that was set just before it is taken away");
	ok(has(key_b), "is the one that is given back");
	begin(3);
	kernel.meddled_at = 3;
	memcpy(kernel.meddled, key_b, WG_KEY_LEN);
	equal(forget(), 0, "one that was set afterwards");
	ok(has(key_b), "is left alone");
	begin(3);
	kernel.meddled_at = 3;
	equal(forget(), 0, "a key that is missing afterwards");
	ok(has(key_a), "is given back");
	begin(3);
	kernel.meddled_at = 2;
	equal(forget(), 0, "but none, which another instance has set for a moment");
	ok(has(key_a), "is not");
	begin(3);
	memset(kernel.private_key, 0, WG_KEY_LEN);
	kernel.meddled_at = 2;
	memcpy(kernel.meddled, key_a, WG_KEY_LEN);
	equal(forget(), 0, "a key that another instance had taken away at the first look");
	ok(has(key_a) && kernel.n_forgotten == 2, "is found at the second");
}

static void test_dumps(void)
{
	begin(1000);
	kernel.interrupted_at = 1;
	equal(forget(), 0, "peers that changed while they were told are asked for again");
	begin(1000);
	kernel.interrupted_at = 2;
	equal(forget(), 0, "also in the middle");
	ok(has(key_a), "the key is there");
}

static void test_lies(void)
{
	enum lie lie;

	for (lie = NO_LIE + 1; lie < LIES; lie++) {
		begin(3);
		kernel.lie = lie;
		equal(forget(), -EBADMSG, lies[lie]);
		ok(!kernel.n_sets, "and nothing is set");
	}
}

/* ---- the hook -------------------------------------------------------------------------- */

static const struct netns blue = { .name = "blue", .directory = "/run/netns" },
	foreign = { .name = "of process 7", .foreign = true },
	foreign_file = { .name = "red", .directory = "/run/netns", .foreign = true },
	semicolon = { .name = "a;id", .directory = "/run/netns" };

/* What is met in one network name space, after the own one. */
static struct {
	const struct netns *netns;
	const char *name;
	int result, missed;
	bool is_listed;
} walk;

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	(void)limit_ms;
	if (walk.is_listed)
		handle_all(visitor->context, walk.netns, &netlink, &netlink);
	if (walk.name)
		tell(visitor->context, walk.netns, walk.name, walk.result);
	if (walk.missed)
		visitor->missed(walk.netns, walk.missed, visitor->context);
	return 0;
}

static char said[4096];

static int run_hook(void)
{
	struct work work = { .family = FAMILY };
	char *end;
	int r;

	printed_begin();
	r = handle_everywhere(&work);
	printed_end(said, sizeof(said));
	for (end = said; (end = strchr(end, '\n'));)
		*end = '|';
	return r;
}

static void test_hook(void)
{
	begin(3);
	memset(&walk, 0, sizeof(walk));
	walk.netns = &own_netns;
	walk.is_listed = true;
	equal(run_hook(), 0, "an interface that has forgotten");
	ok(!strcmp(said, "wg0 has forgotten its session keys|"), "is told: %s", said);
	walk.netns = &foreign;
	equal(run_hook(), 0, "also a foreign one");
	ok(strstr(said, "wg0 (network name space of process 7) has"), "and where: %s", said);
	kernel.silent = true;
	equal(run_hook(), 0, "one that has not is no failure if it is foreign");
	ok(strstr(said, "may still use session keys"), "but is told: %s", said);
	walk.netns = &blue;
	equal(run_hook(), 1, "otherwise it is one");
}

/* Anybody who is root in a user name space of his own could have any of these. */
static void test_foreign(void)
{
	static const int results[] = { -ETIMEDOUT, -EKEYREJECTED, -ESTALE, -EPERM, -ENOENT };
	size_t i;

	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		memset(&walk, 0, sizeof(walk));
		walk.netns = &foreign;
		walk.name = "wg0";
		walk.result = results[i];
		equal(run_hook(), 0, strerror(-results[i]));
		ok(strstr(said, "wg0 (network name space of process 7) "), "is said: %s", said);
		walk.netns = &own_netns;
		equal(run_hook(), 1, "and is a failure in the own one");
		walk.name = NULL;
		walk.missed = results[i];
		walk.netns = &foreign;
		equal(run_hook(), NOT_APPLICABLE, "nor is one that was missed");
		ok(strstr(said, "cannot look for interfaces (network name space of process 7): "),
		   "which is said: %s", said);
		walk.netns = &blue;
		equal(run_hook(), 1, "unless it is not foreign");
	}
}

static void test_advice(void)
{
	static const struct {
		const struct netns *netns;
		const char *name, *command;
	} cases[] = {
		{ &own_netns, "wg0", "back (\"wg set wg0 private-key FILE\"), or" },
		{ &blue, "wg0", "back (\"nsenter --net=/run/netns/blue wg set wg0 private-key FILE\"), or" },
		{ &own_netns, "a;id", "back, or" },
		{ &own_netns, "-h", "back, or" },
		{ &semicolon, "wg0", "back, or" },
		{ &foreign, "wg0", "back, or" },
		{ &foreign_file, "wg0", "back, or" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&walk, 0, sizeof(walk));
		walk.netns = cases[i].netns;
		walk.name = cases[i].name;
		walk.result = -EKEYREJECTED;
		run_hook();
		ok(strstr(said, cases[i].command) != NULL, "advice is to be copied only if it is safe: %s",
		   said);
		walk.result = -ESTALE;
		run_hook();
		ok(!strstr(said, "\"") == (i > 1), "likewise: %s", said);
	}
}

int main(void)
{
	test_list();
	test_forget();
	test_nothing();
	test_failures();
	test_others();
	test_dumps();
	test_lies();
	test_hook();
	test_foreign();
	test_advice();
	return tap_done();
}
