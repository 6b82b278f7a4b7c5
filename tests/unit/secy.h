/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A played kernel with interfaces of MACsec: what it tells of them, and what it is asked to
 * delete. Nothing is asked of the kernel that this runs on.
 */
#ifndef PLAYED_SECY_H
#define PLAYED_SECY_H

#include "keys/netlink.c"

static int played_open(int bus, struct netlink *ret_netlink);
static int played_family(struct netlink *generic, const char *name, uint16_t *ret_family);
static int played_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take,
		      void *context);
#define netlink_open played_open
#define netlink_family played_family
#define netlink_ask played_ask
#include <stdio.h>
static FILE *played_packets(void);
#define fopen(path, mode) played_packets()
#include "keys/link.c"
#include "keys/secy.c"
#undef fopen

enum {
	LOWER = 7,
	MANY = 90,
};

/* As MKA names a key, and as ip fills a name up. */
static const uint8_t of_mka[MACSEC_KEYID_LEN] = "twelve bytes\1", by_hand[MACSEC_KEYID_LEN] = "\1";

struct played {
	uint32_t index;
	const char *name;
	const uint8_t *id;
	/* received: so many keys of each sender. */
	unsigned int keys, senders, received;
	/* untold: not in the list of keys; late: from then on not in the first one. */
	bool gone, elsewhere, untold, late;
};

static struct {
	struct played interfaces[8];
	size_t n;
	int open_error, family_error, list_error, interruptions, delete_error, link_error;
	/* NULL: with the error. */
	const char *packets;
	int packets_error;
	/* What was asked to be changed, a word each. */
	char asked[8192];
	/* An interface that is there from the second look on. */
	bool grows;
	unsigned int lists;
} kernel;

static FILE *played_packets(void)
{
	if (!kernel.packets) {
		errno = kernel.packets_error;
		return NULL;
	}
	return fmemopen((char *)kernel.packets, strlen(kernel.packets), "r");
}

/* ---- a played kernel ---------------------------------------------------------------------- */

static int played_open(int bus, struct netlink *ret_netlink)
{
	(void)bus;
	*ret_netlink = (struct netlink){ .port = 1 };
	return kernel.open_error;
}

static int played_family(struct netlink *generic, const char *name, uint16_t *ret_family)
{
	(void)generic;
	*ret_family = 42;
	return strcmp(name, "macsec") ? -ENOENT : kernel.family_error;
}

static void put_received(struct nlmsghdr *message, const struct played *interface)
{
	struct nlattr *list = mnl_attr_nest_start(message, MACSEC_RXSC_ATTR_SA_LIST), *one;

	for (unsigned int i = 0; i < interface->received; i++) {
		one = mnl_attr_nest_start(message, i + 1);
		mnl_attr_put_u8(message, MACSEC_SA_ATTR_AN, i);
		mnl_attr_put(message, MACSEC_SA_ATTR_KEYID, MACSEC_KEYID_LEN, interface->id);
		mnl_attr_nest_end(message, one);
	}
	mnl_attr_nest_end(message, list);
}

static void put_keys(struct nlmsghdr *message, const struct played *interface)
{
	struct nlattr *list = mnl_attr_nest_start(message, MACSEC_ATTR_TXSA_LIST), *one;

	for (unsigned int i = 0; i < interface->keys; i++) {
		one = mnl_attr_nest_start(message, i + 1);
		mnl_attr_put_u8(message, MACSEC_SA_ATTR_AN, i);
		mnl_attr_put_u32(message, MACSEC_SA_ATTR_PN, 5);
		mnl_attr_put(message, MACSEC_SA_ATTR_KEYID, MACSEC_KEYID_LEN, interface->id);
		mnl_attr_put_u8(message, MACSEC_SA_ATTR_ACTIVE, 1);
		mnl_attr_nest_end(message, one);
	}
	mnl_attr_nest_end(message, list);
	list = mnl_attr_nest_start(message, MACSEC_ATTR_RXSC_LIST);
	for (unsigned int i = 0; i < interface->senders; i++) {
		one = mnl_attr_nest_start(message, i + 1);
		mnl_attr_put_u64(message, MACSEC_RXSC_ATTR_SCI, i + 1);
		put_received(message, interface);
		mnl_attr_nest_end(message, one);
	}
	mnl_attr_nest_end(message, list);
}

static int tell_interfaces(mnl_cb_t take, void *context)
{
	char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *message;
	size_t i;

	for (i = 0; i < kernel.n; i++) {
		if (kernel.interfaces[i].untold || (kernel.interfaces[i].late && !kernel.lists))
			continue;
		message = netlink_begin_generic(buffer, 42, NLM_F_MULTI, MACSEC_CMD_GET_TXSC, 1);
		mnl_attr_put_u32(message, MACSEC_ATTR_IFINDEX, kernel.interfaces[i].index);
		put_keys(message, &kernel.interfaces[i]);
		if (take(message, context) != MNL_CB_OK)
			return -errno;
		if (kernel.interruptions > 0) {
			kernel.interruptions--;
			return -EINTR;
		}
	}
	if (++kernel.lists == 1 && kernel.grows)
		kernel.n++;
	return kernel.list_error;
}

static int tell_links(mnl_cb_t take, void *context)
{
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct played *one;
	struct nlattr *information;
	struct nlmsghdr *message;
	struct ifinfomsg *own;
	size_t i;

	for (i = 0; i < kernel.n; i++) {
		one = &kernel.interfaces[i];
		if (one->gone)
			continue;
		message = netlink_begin(buffer, RTM_NEWLINK, 0, sizeof(*own), (void **)&own);
		own->ifi_index = one->index;
		mnl_attr_put_strz(message, IFLA_IFNAME, one->name);
		mnl_attr_put_u32(message, IFLA_LINK, LOWER);
		if (one->elsewhere)
			mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 0);
		information = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, "macsec");
		mnl_attr_nest_end(message, information);
		if (take(message, context) != MNL_CB_OK)
			return -errno;
	}
	return kernel.link_error;
}

static void note(const struct nlmsghdr *message, uint8_t command)
{
	size_t length = strlen(kernel.asked);
	const struct nlattr *attribute, *inner;
	uint32_t index = 0;
	uint64_t which = 0;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attribute) == MACSEC_ATTR_IFINDEX) {
			index = mnl_attr_get_u32(attribute);
			continue;
		}
		mnl_attr_for_each_nested(inner, attribute)
			if (mnl_attr_get_type(inner) == 1)	/* its number, or its name */
				which = mnl_attr_get_payload_len(inner) == 1 ?
					mnl_attr_get_u8(inner) : mnl_attr_get_u64(inner);
	}
	snprintf(kernel.asked + length, sizeof(kernel.asked) - length, "%s%u.%u ",
		 command == MACSEC_CMD_UPD_TXSA ? "off" :
		 command == MACSEC_CMD_DEL_TXSA ? "del" : "sender", index, (unsigned int)which);
}

static int played_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take,
		      void *context)
{
	const struct genlmsghdr *generic = mnl_nlmsg_get_payload(request);

	(void)netlink;
	if (request->nlmsg_type == RTM_GETLINK)
		return tell_links(take, context);
	if (generic->cmd == MACSEC_CMD_GET_TXSC)
		return tell_interfaces(take, context);
	note(request, generic->cmd);
	return kernel.delete_error;
}

#define HEADER "sk RefCnt Type Proto Iface R Rmem User Inode\n"
#define LISTENS(protocol, lower) HEADER "0000 3 2 " protocol " " lower " 1 0 0 361\n"

static void play(const uint8_t *id)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.packets = LISTENS("888e", "7");
	kernel.interfaces[0] = (struct played){ 3, "macsec0", id, 2, 1, 0, false, false, false, false };
	kernel.n = 1;
}

#endif /* PLAYED_SECY_H */
