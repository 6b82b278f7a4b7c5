/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/genetlink.h>
#include <linux/if_macsec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "secy.h"

enum {
	MEMBER_SIZE = 12,
	REQUEST_SIZE = 256,
	NUMBERS = 4,
	ALL_NUMBERS = (1 << NUMBERS) - 1,
	/* Of all protocols. */
	PACKET_SOCKETS_MAX = 1 << 16,
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

static struct secy *find(const struct secy_list *list, uint32_t index)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->interfaces[i].index == index)
			return &list->interfaces[i];
	return NULL;
}

/* Returns one that counts when list->n does; NULL, with errno. */
static struct secy *add(struct secy_list *list)
{
	struct secy *interfaces;

	interfaces = reallocarray(list->interfaces, list->n + 1, sizeof(*interfaces));
	if (!interfaces)
		return NULL;
	list->interfaces = interfaces;
	interfaces[list->n] = (struct secy){ .index = 0 };
	return &interfaces[list->n];
}

static int take_interface(const struct nlmsghdr *message, void *context)
{
	struct secy_list *list = context;
	const struct nlattr *attribute, *one;
	struct secy *interface;

	if (list->n == LINKS_MAX) {
		list->more = true;
		return MNL_CB_OK;
	}
	interface = add(list);
	if (!interface)
		return MNL_CB_ERROR;
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

static int ask_keys(struct secy_socket *socket, struct secy_list *list)
{
	char buffer[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	return netlink_ask(&socket->generic,
			   netlink_begin_generic(buffer, socket->family, NLM_F_DUMP,
						 MACSEC_CMD_GET_TXSC, MACSEC_GENL_VERSION),
			   take_interface, list);
}

static int ask_links(struct link_list *links)
{
	struct netlink route;
	int r = netlink_open(NETLINK_ROUTE, &route);

	if (r)
		return r;
	r = link_list(&route, MACSEC_GENL_NAME, links);
	netlink_close(&route);
	return r;
}

static bool has_all(const struct secy_list *list, const struct link_list *links)
{
	size_t i;

	for (i = 0; i < links->n; i++)
		if (!find(list, links->interfaces[i].index))
			return false;
	return true;
}

/*
 * Linux ends the list of keys, as if there were no more, at an interface that does not fit
 * into one answer: with some 80 senders (6.12, macsec_dump_txsc()). Of those that are not told
 * all keys count.
 */
static int combine(struct secy_list *list, const struct link_list *links)
{
	struct secy *interface;
	size_t i, n = 0;

	for (i = 0; i < links->n; i++) {
		interface = find(list, links->interfaces[i].index);
		if (!interface) {
			interface = add(list);
			if (!interface)
				return -errno;
			*interface = (struct secy){
				.index = links->interfaces[i].index, .untold = true,
				.by_hand = true, .keys = ALL_NUMBERS,
			};
			list->n++;
		}
		interface->lower = links->interfaces[i].lower;
		memcpy(interface->name, links->interfaces[i].name, sizeof(interface->name));
	}
	/* Those without a name are gone meanwhile. */
	for (i = 0; i < list->n; i++)
		if (*list->interfaces[i].name)
			list->interfaces[n++] = list->interfaces[i];
	list->n = n;
	list->more |= links->more;
	return 0;
}

/* One that is made between the two questions is in one of the answers alone. */
int secy_list(struct secy_socket *socket, struct secy_list *ret_list)
{
	struct secy_list list = { .n = 0 };
	struct link_list links;
	unsigned int i;
	int r = -EINTR;

	for (i = 0; i < NETLINK_TRIES; i++) {
		secy_free(&list);
		r = ask_keys(socket, &list);
		if (!r)
			r = ask_links(&links);
		if (r != -EINTR && (r || has_all(&list, &links)))
			break;
	}
	if (!r)
		r = combine(&list, &links);
	if (r)
		secy_free(&list);
	else
		*ret_list = list;
	return r;
}

static void take_listener(struct secy_list *list, uint32_t lower, uint64_t inode)
{
	bool is_one = false;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (lower && lower == list->interfaces[i].lower)
			is_one = list->interfaces[i].listened = true;
	if (!is_one)
		return;
	if (list->n_listeners < SECY_LISTENERS)
		list->listeners[list->n_listeners++] = (struct secy_listener){ lower, inode };
	else
		list->more_listeners = true;
}

/*
 * Who speaks MKA listens for its protocol on the interface below. The kernel's module that
 * tells of such sockets by netlink would be loaded for that; this file is there wherever there
 * can be one.
 */
int secy_listen(struct secy_list *list)
{
	unsigned int protocol, lower, n = 0;
	uint64_t inode;
	char line[256];
	FILE *file;

	if (!list->n)
		return 0;
	file = fopen("/proc/thread-self/net/packet", "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!list->more_listeners && fgets(line, sizeof(line), file)) {
		list->more_listeners = ++n > PACKET_SOCKETS_MAX;
		if (sscanf(line, "%*s %*s %*s %x %u %*s %*s %*s %" SCNu64, &protocol, &lower,
			   &inode) == 3 && protocol == ETH_P_PAE)
			take_listener(list, lower, inode);
	}
	fclose(file);
	return 0;
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
	for (i = 0; interface->heals && i < interface->n_senders; i++) {
		one = delete_sender(socket, interface->index, interface->senders[i]);
		r = r ? r : one;
	}
	return r;
}
