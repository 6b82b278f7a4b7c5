/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Interfaces of MACsec as the kernel tells of them: whose keys they are, and what is not as it
 * should be.
 */
#include "secy.h"
#include "tap.h"

/* Returns whether it is taken for one of MKA; -1: there is another number of them. */
static int seen_by_mka(void)
{
	struct secy_socket socket;
	struct secy_list list;
	int r = -1;

	if (secy_open(&socket) || secy_list(&socket, &list))
		return -1;
	if (list.n == 1)
		r = secy_by_mka(&list.interfaces[0]);
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
	equal(list(), 1, "one that is gone meanwhile is no error");
	kernel.interfaces[0].index = 0;
	equal(list(), 0, "without an index it is none");
	play(of_mka);
	kernel.packets = NULL;
	equal(list(), -EACCES, "who listens cannot be told: an error");
	kernel.packets = HEADER;
	kernel.link_error = -ETIMEDOUT;
	equal(list(), -ETIMEDOUT, "nor what is below");
	play(of_mka);
	kernel.interfaces[0].senders = MANY;
	equal(list(), 1, "more senders than there is room for are no harm");
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
	test_malformed();
	return tap_done();
}
