/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_macsec.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secy.h"

enum {
	MEMBER_SIZE = 12,
	REQUEST_SIZE = 256,
	NUMBERS = 4,
};

int secy_open(struct secy_socket *ret_socket)
{
	struct secy_socket socket = { .family = 0 };
	int r = netlink_open(NETLINK_GENERIC, &socket.generic);

	if (r)
		return r;
	r = netlink_family(&socket.generic, MACSEC_GENL_NAME, &socket.family);
	if (r)
		netlink_close(&socket.generic);
	else
		*ret_socket = socket;
	return r;
}

void secy_close(struct secy_socket *socket)
{
	netlink_close(&socket->generic);
}

void secy_free(struct secy_list *list)
{
	free(list->interfaces);
	*list = (struct secy_list){ .n = 0 };
}

/*
 * MKA names a key by a random member identifier, and by a number that begins with 1; ip and
 * networkd fill what is missing of the name with zeros at its end.
 */
static bool is_of_mka(const struct nlattr *id)
{
	static const uint8_t nothing[MACSEC_KEYID_LEN];
	const uint8_t *bytes = mnl_attr_get_payload(id);

	return mnl_attr_get_payload_len(id) == MACSEC_KEYID_LEN &&
	       memcmp(bytes, nothing, MEMBER_SIZE) &&
	       memcmp(bytes + MEMBER_SIZE, nothing, MACSEC_KEYID_LEN - MEMBER_SIZE);
}

/* Returns a bit for its number. */
static unsigned int take_key(const struct nlattr *key, struct secy *interface)
{
	const struct nlattr *attribute;
	unsigned int bit = 0;

	mnl_attr_for_each_nested(attribute, key) {
		if (mnl_attr_get_type(attribute) == MACSEC_SA_ATTR_AN &&
		    !mnl_attr_validate(attribute, MNL_TYPE_U8) &&
		    mnl_attr_get_u8(attribute) < NUMBERS)
			bit = 1U << mnl_attr_get_u8(attribute);
		if (mnl_attr_get_type(attribute) == MACSEC_SA_ATTR_KEYID &&
		    !is_of_mka(attribute))
			interface->by_hand = true;
	}
	return bit;
}

/* Its keys outlive those to send with, and say whether they were set by hand. */
static void take_sender(const struct nlattr *sender, struct secy *interface)
{
	const struct nlattr *attribute, *key;

	mnl_attr_for_each_nested(attribute, sender) {
		if (mnl_attr_get_type(attribute) == MACSEC_RXSC_ATTR_SA_LIST)
			mnl_attr_for_each_nested(key, attribute)
				(void)take_key(key, interface);
		if (mnl_attr_get_type(attribute) == MACSEC_RXSC_ATTR_SCI &&
		    !mnl_attr_validate(attribute, MNL_TYPE_U64) &&
		    interface->n_senders < SECY_SENDERS)
			interface->senders[interface->n_senders++] = mnl_attr_get_u64(attribute);
	}
}

static int take_interface(const struct nlmsghdr *message, void *context)
{
	struct secy_list *list = context;
	struct secy *interface;
	const struct nlattr *attribute, *one;

	interface = reallocarray(list->interfaces, list->n + 1, sizeof(*interface));
	if (!interface)
		return MNL_CB_ERROR;
	list->interfaces = interface;
	interface += list->n;
	*interface = (struct secy){ .index = 0 };
	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attribute)) {
		case MACSEC_ATTR_IFINDEX:
			if (!mnl_attr_validate(attribute, MNL_TYPE_U32))
				interface->index = mnl_attr_get_u32(attribute);
			break;
		case MACSEC_ATTR_TXSA_LIST:
			mnl_attr_for_each_nested(one, attribute)
				interface->keys |= take_key(one, interface);
			break;
		case MACSEC_ATTR_RXSC_LIST:
			mnl_attr_for_each_nested(one, attribute)
				take_sender(one, interface);
			break;
		}
	}
	/* The kernel always tells its index. */
	list->n += interface->index != 0;
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	struct secy *interface = context;
	const struct nlattr *attribute;
	bool elsewhere = false;

	mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			if (!mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
				snprintf(interface->name, sizeof(interface->name), "%s",
					 mnl_attr_get_str(attribute));
			break;
		case IFLA_LINK:
			if (!mnl_attr_validate(attribute, MNL_TYPE_U32))
				interface->lower = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		}
	}
	if (elsewhere)
		interface->lower = 0;
	return MNL_CB_OK;
}

/* One that is gone meanwhile stays without a name. */
static int ask_links(struct secy_list *list)
{
	char buffer[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;
	struct netlink route;
	void *own;
	size_t i;
	int r = netlink_open(NETLINK_ROUTE, &route);

	for (i = 0; !r && i < list->n; i++) {
		request = netlink_begin(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &own);
		*(struct ifinfomsg *)own = (struct ifinfomsg){
			.ifi_index = list->interfaces[i].index,
		};
		r = netlink_ask(&route, request, take_link, &list->interfaces[i]);
		if (r == -ENODEV)
			r = 0;
	}
	netlink_close(&route);
	return r;
}

/*
 * Who speaks MKA listens for its protocol on the interface below. The kernel's module that
 * tells of such sockets by netlink would be loaded for that; its file is always there.
 */
static int ask_listeners(struct secy_list *list)
{
	FILE *file = fopen("/proc/thread-self/net/packet", "re");
	unsigned int protocol, lower;
	char line[256];
	size_t i;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %x %u", &protocol, &lower) == 2 &&
		    protocol == ETH_P_PAE)
			for (i = 0; i < list->n; i++)
				list->interfaces[i].listened |=
					lower && lower == list->interfaces[i].lower;
	fclose(file);
	return 0;
}

int secy_list(struct secy_socket *socket, struct secy_list *ret_list)
{
	char buffer[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct secy_list list = { .n = 0 };
	unsigned int i;
	int r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		secy_free(&list);
		r = netlink_ask(&socket->generic,
				netlink_begin_generic(buffer, socket->family, NLM_F_DUMP,
						      MACSEC_CMD_GET_TXSC, MACSEC_GENL_VERSION),
				take_interface, &list);
	}
	if (!r && list.n)
		r = ask_links(&list);
	if (!r && list.n)
		r = ask_listeners(&list);
	if (r)
		secy_free(&list);
	else
		*ret_list = list;
	return r;
}

static int ask(struct secy_socket *socket, struct nlmsghdr *request, struct nlattr *nest)
{
	int r;

	mnl_attr_nest_end(request, nest);
	r = netlink_ask(&socket->generic, request, NULL, NULL);
	/* Of an interface, a key and a sender that is gone the kernel says the same. */
	return r == -ENODEV ? 0 : r;
}

/* The kernel deletes none that is in use, so it is taken out of use first. */
static int delete_key(struct secy_socket *socket, uint32_t index, uint8_t number)
{
	static const uint8_t commands[] = { MACSEC_CMD_UPD_TXSA, MACSEC_CMD_DEL_TXSA };
	char buffer[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;
	struct nlattr *nest;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < sizeof(commands) / sizeof(commands[0]); i++) {
		request = netlink_begin_generic(buffer, socket->family, 0, commands[i],
						MACSEC_GENL_VERSION);
		mnl_attr_put_u32(request, MACSEC_ATTR_IFINDEX, index);
		nest = mnl_attr_nest_start(request, MACSEC_ATTR_SA_CONFIG);
		mnl_attr_put_u8(request, MACSEC_SA_ATTR_AN, number);
		if (commands[i] == MACSEC_CMD_UPD_TXSA)
			mnl_attr_put_u8(request, MACSEC_SA_ATTR_ACTIVE, 0);
		r = ask(socket, request, nest);
	}
	return r;
}

static int delete_sender(struct secy_socket *socket, uint32_t index, uint64_t sender)
{
	char buffer[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;
	struct nlattr *nest;

	request = netlink_begin_generic(buffer, socket->family, 0, MACSEC_CMD_DEL_RXSC,
					MACSEC_GENL_VERSION);
	mnl_attr_put_u32(request, MACSEC_ATTR_IFINDEX, index);
	nest = mnl_attr_nest_start(request, MACSEC_ATTR_RXSC_CONFIG);
	mnl_attr_put_u64(request, MACSEC_RXSC_ATTR_SCI, sender);
	return ask(socket, request, nest);
}

int secy_forget(struct secy_socket *socket, const struct secy *interface)
{
	unsigned int i;
	int r = 0, one;

	for (i = 0; i < NUMBERS; i++) {
		one = interface->keys & 1U << i ? delete_key(socket, interface->index, i) : 0;
		r = r ? r : one;
	}
	for (i = 0; secy_by_mka(interface) && i < interface->n_senders; i++) {
		one = delete_sender(socket, interface->index, interface->senders[i]);
		r = r ? r : one;
	}
	return r;
}
