/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Interfaces of MACsec as the kernel tells of them: whose keys they are, and what is not as it
 * should be.
 */
#include "secy.h"
#include "tap.h"

/* Returns whether it may be one of MKA; -1: there is another number of them. */
static int seen_by_mka(void)
{
	struct secy_socket socket;
	struct secy_list list;
	int r = -1;

	if (secy_open(&socket) || secy_list(&socket, &list))
		return -1;
	if (list.n == 1 && !secy_listen(&list))
		r = secy_perhaps_by_mka(&list.interfaces[0]);
	secy_free(&list);
	secy_close(&socket);
	return r;
}

static void test_kinds(void)
{
	play(of_mka);
	equal(seen_by_mka(), 1, "a name of MKA, and somebody listens below: of MKA");
	play(by_hand);
	equal(seen_by_mka(), 0, "a name by hand, though somebody listens");
	play(of_mka);
	kernel.packets = LISTENS("888e", "8");
	equal(seen_by_mka(), 0, "somebody listens on another interface");
	kernel.packets = LISTENS("0003", "7");
	equal(seen_by_mka(), 0, "somebody listens for something else");
	kernel.packets = HEADER;
	equal(seen_by_mka(), 0, "nobody listens");
	kernel.packets = LISTENS("888e", "0");
	equal(seen_by_mka(), 0, "somebody listens on all of them");
	kernel.packets = LISTENS("888e", "7");
	kernel.interfaces[0].elsewhere = true;
	equal(seen_by_mka(), 0, "what is below is in another name space");
	play(of_mka);
	kernel.interfaces[0].keys = 0;
	equal(seen_by_mka(), 1, "it has no key yet");
	kernel.interfaces[0].received = 2;
	equal(seen_by_mka(), 1, "it has keys of MKA to receive");
	kernel.interfaces[0].id = by_hand;
	equal(seen_by_mka(), 0, "it has a key by hand to receive, and none to send with any more");
}

static int list(void)
{
	struct secy_socket socket = { .family = 42 };
	struct secy_list list;
	int r = secy_list(&socket, &list);

	if (r)
		return r;
	r = secy_listen(&list);
	if (!r)
		r = list.n;
	secy_free(&list);
	return r;
}

static void test_list(void)
{
	play(of_mka);
	kernel.interruptions = 2;
	equal(list(), 1, "what changed meanwhile is asked for again, and counts once");
	kernel.interruptions = 1000;
	equal(list(), -EINTR, "but not for ever");
	play(of_mka);
	kernel.interfaces[0].gone = true;
	equal(list(), 0, "one that is gone meanwhile is no error, and none");
	kernel.interfaces[0] = (struct played){ 0, "macsec0", of_mka, 2, 1, 0, true, false, false, false };
	equal(list(), 0, "without an index it is none");
	play(of_mka);
	kernel.packets = NULL;
	kernel.packets_error = EACCES;
	equal(list(), -EACCES, "who listens cannot be told: an error");
	kernel.packets_error = ENOENT;
	equal(list(), 1, "a kernel where nobody can: none");
	kernel.packets = HEADER;
	kernel.link_error = -ETIMEDOUT;
	equal(list(), -ETIMEDOUT, "nor what is below");
	play(of_mka);
	kernel.interfaces[0].senders = MANY;
	equal(list(), 1, "more senders than there is room for are no harm");
}

static void test_untold(void)
{
	struct secy_socket socket = { .family = 42 };
	struct secy_list list;

	play(of_mka);
	kernel.n = 2;
	kernel.interfaces[1] = (struct played){ 5, "macsec1", of_mka, 1, 90, 0, false, false, true, false };
	equal(secy_list(&socket, &list), 0, "Linux ends its list at an interface with many senders");
	equal(secy_listen(&list), 0, "of all is told who listens");
	ok(list.n == 2 && !list.interfaces[0].untold && list.interfaces[1].untold,
	   "what is missing in it is in the list");
	ok(list.interfaces[1].index == 5 && !strcmp(list.interfaces[1].name, "macsec1") &&
	   list.interfaces[1].keys == 0xf && !secy_perhaps_by_mka(&list.interfaces[1]),
	   "with its name, and as if it had all keys, set by hand");
	secy_free(&list);
	kernel.lists = 0;
	kernel.interfaces[1] = (struct played){ 5, "macsec1", of_mka, 1, 0, 0, false, false, false, true };
	equal(secy_list(&socket, &list), 0, "one is made between the two questions");
	ok(list.n == 2 && !list.interfaces[1].untold && list.interfaces[1].keys == 1,
	   "it is asked for again, and is no such one");
	secy_free(&list);
}

static void test_bounds(void)
{
	static char packets[70000 * 40];
	struct secy_socket socket = { .family = 42 };
	struct secy_list list;
	size_t i, used;

	play(of_mka);
	used = sprintf(packets, HEADER);
	for (i = 0; i < 70000; i++)
		used += sprintf(packets + used, "0000 3 2 0003 7 1 0 0 %zu\n", i);
	kernel.packets = packets;
	equal(secy_list(&socket, &list), 0, "keys are told however many sockets there are");
	ok(!list.n_listeners && !list.more_listeners, "no socket was looked at for that");
	equal(secy_listen(&list), 0, "too many sockets");
	ok(list.more_listeners, "not all are looked at, which is told");
	secy_free(&list);
	used = sprintf(packets, HEADER);
	for (i = 0; i < SECY_LISTENERS + 1; i++)
		used += sprintf(packets + used, "0000 3 2 888e 7 1 0 0 %zu\n", i + 1);
	equal(secy_list(&socket, &list) + secy_listen(&list), 0, "too many listeners");
	ok(list.n_listeners == SECY_LISTENERS && list.more_listeners, "are told");
	ok(list.listeners[3].inode == 4 && list.listeners[3].lower == 7, "the others are known");
	secy_free(&list);
}

static void test_malformed(void)
{
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct secy_list list = { .n = 0 };
	struct nlmsghdr *message = netlink_begin_generic(buffer, 42, 0, MACSEC_CMD_GET_TXSC, 1);
	struct nlattr *keys, *key;

	mnl_attr_put_u32(message, MACSEC_ATTR_IFINDEX, 3);
	keys = mnl_attr_nest_start(message, MACSEC_ATTR_TXSA_LIST);
	key = mnl_attr_nest_start(message, 1);
	mnl_attr_put_u8(message, MACSEC_SA_ATTR_AN, 4);
	mnl_attr_put_u16(message, MACSEC_SA_ATTR_AN, 1);
	mnl_attr_put(message, MACSEC_SA_ATTR_KEYID, 5, of_mka);
	mnl_attr_nest_end(message, key);
	mnl_attr_nest_end(message, keys);
	mnl_attr_put(message, MACSEC_ATTR_RXSC_LIST, 3, "\1\2\3");
	mnl_attr_put_u8(message, MACSEC_ATTR_IFINDEX, 9);
	equal(take_interface(message, &list), MNL_CB_OK, "a malformed message is taken");
	ok(list.n == 1 && list.interfaces[0].index == 3 && !list.interfaces[0].keys &&
	   list.interfaces[0].by_hand && !list.interfaces[0].n_senders,
	   "what is malformed in it counts as nothing, and as by hand");
	secy_free(&list);
}

int main(void)
{
	test_kinds();
	test_list();
	test_untold();
	test_bounds();
	test_malformed();
	return tap_done();
}
