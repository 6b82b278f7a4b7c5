/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the kernel's network has session keys for. Only kinds, names and numbers are asked
 * for, never keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keys/connection.h"
#include "keys/ike.h"
#include "keys/netlink.h"
#include "keys/netns.h"
#include "keys/place.h"
#include "keys/secy.h"
#include "keys/xfrm.h"
#include "network.h"

enum {
	/* No visit to a further name space begins after that. */
	WALK_MS = 1500,
	BUFFER_SIZE = 256,
};

struct look {
	struct network *network;
	/* Of the name space that is being looked at. */
	const char *place;
	/* Where daemons of IPsec are. */
	struct ike_namespaces ike;
	/* What was found there, which counts when all of it was. */
	struct network here;
};

static const struct {
	const char *name;
	enum network_kind kind;
} link_kinds[] = {
	{ "wireguard", NETWORK_WIREGUARD },
	{ "ovpn", NETWORK_OVPN },
	/* Of the package openvpn-dco-dkms. */
	{ "ovpn-dco", NETWORK_OVPN },
};

static bool is_full(const char *names)
{
	size_t used = strlen(names);

	return used >= 3 && !strcmp(names + used - 3, "...");
}

static void join(char names[NETWORK_NAMES_SIZE], const char *name, const char *place)
{
	size_t used = strlen(names), length = strlen(name) + strlen(place) + sizeof(",  in ");

	if ((!*name && !*place) || is_full(names))
		return;
	if (used + length + sizeof(", ...") <= NETWORK_NAMES_SIZE)
		sprintf(names + used, "%s%s%s%s%s", used ? ", " : "", name,
			*name && *place ? " " : "", *place ? "in " : "", place);
	else
		strcpy(names + used, used ? ", ..." : "...");
}

static void add(struct look *look, enum network_kind kind, uint64_t count, const char *name)
{
	look->here.kinds[kind].count += count;
	join(look->here.kinds[kind].names, name, look->place);
}

static void keep(struct look *look)
{
	char *names;
	size_t i;

	for (i = 0; i < NETWORK_KINDS; i++) {
		look->network->kinds[i].count += look->here.kinds[i].count;
		names = look->network->kinds[i].names;
		join(names, look->here.kinds[i].names, "");
	}
}

/* ---- interfaces ---- */

static const char *kind_of(const struct nlattr *linkinfo)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, linkinfo)
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND &&
		    !mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
			return mnl_attr_get_str(attribute);
	return "";
}

/* Of its own name space alone, because that is what is mounted. */
static bool has_radio(const struct look *look, const char *name)
{
	char path[PATH_MAX];

	if (*look->place || !*name || *name == '.' || strchr(name, '/'))
		return false;
	snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", name);
	return !access(path, F_OK);
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct look *look = context;
	const struct nlattr *attribute;
	const char *name = "", *kind = "";
	size_t i;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*link)) {
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME &&
		    !mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
			name = mnl_attr_get_str(attribute);
		if (mnl_attr_get_type(attribute) == IFLA_LINKINFO &&
		    !mnl_attr_validate(attribute, MNL_TYPE_NESTED))
			kind = kind_of(attribute);
	}
	for (i = 0; i < sizeof(link_kinds) / sizeof(link_kinds[0]); i++)
		if (!strcmp(kind, link_kinds[i].name))
			add(look, link_kinds[i].kind, 1, name);
	if (link->ifi_flags & IFF_RUNNING && has_radio(look, name))
		add(look, NETWORK_WIRELESS, 1, name);
	return MNL_CB_OK;
}

static int ask_links(struct look *look, struct netlink *route)
{
	char buffer[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;
	int r = -EINTR, i;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		memset(&look->here, 0, sizeof(look->here));
		request = netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg),
					NULL);
		mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		r = netlink_ask(route, request, take_link, look);
	}
	return r;
}

static int look_at_links(struct look *look)
{
	struct netlink route;
	int r = netlink_open(NETLINK_ROUTE, &route);

	if (r)
		return r;
	r = ask_links(look, &route);
	netlink_close(&route);
	return r;
}

/* ---- IPsec and MACsec ---- */

static void add_block(struct look *look, const struct netns *netns, const struct ipsec_policy *policy)
{
	char enter[PLACE_COMMAND_SIZE], text[160];
	struct network_block *block;

	if (look->network->n_blocks++ >= NETWORK_BLOCKS_MAX)
		return;
	block = &look->network->blocks[look->network->n_blocks - 1];
	ipsec_describe(policy, text, sizeof(text));
	snprintf(block->text, sizeof(block->text), "%s%s%s", text, *netns->name ? " in " : "",
		 netns->name);
	ipsec_write_removal(policy, text, sizeof(text));
	if (place_command(netns, enter))
		snprintf(block->command, sizeof(block->command), "%s%s", enter, text);
}

/* In foreign name spaces anybody may set what looks like ours. */
static int look_at_blocks(struct look *look, const struct netns *netns, struct netlink *xfrm)
{
	struct ipsec_policies policies;
	size_t i;
	int r = netns->foreign ? -ENOENT : ipsec_list(xfrm, &policies);

	if (r)
		return r == -ENOENT ? 0 : r;
	for (i = 0; i < policies.n; i++)
		if (policies.policy[i].kind & (IPSEC_BLOCK | IPSEC_REST))
			add_block(look, netns, &policies.policy[i]);
	ipsec_free(&policies);
	return 0;
}

static int look_at_ipsec(struct look *look, const struct netns *netns)
{
	unsigned int count = 0;
	struct netlink xfrm;
	int r = ipsec_open(&xfrm);

	if (r)
		return r == -EPROTONOSUPPORT ? 0 : r;
	r = ipsec_count(&xfrm, &count);
	if (!r)
		r = look_at_blocks(look, netns, &xfrm);
	netlink_close(&xfrm);
	if (count)
		add(look, ike_is_in(&look->ike) ? NETWORK_IPSEC : NETWORK_IPSEC_MANUAL, count, "");
	look->network->forbidden |= r == -EPERM || r == -EACCES;
	return r == -EPERM || r == -EACCES ? 0 : r;
}

/* Where nobody has given it a key there is none to be used twice. */
static int look_at_macsec(struct look *look)
{
	struct secy_socket socket;
	struct secy_list list;
	size_t i;
	int r = secy_open(&socket);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = secy_list(&socket, &list);
	secy_close(&socket);
	if (r)
		return r;
	/* Elsewhere the hook takes no daemon for one that agrees on others. */
	if (!*look->place)
		r = secy_listen(&list);
	for (i = 0; i < list.n; i++)
		if (list.interfaces[i].keys)
			add(look, secy_perhaps_by_mka(&list.interfaces[i]) ? NETWORK_MACSEC :
			    NETWORK_MACSEC_MANUAL, 1, list.interfaces[i].name);
	if (list.more && !r)
		r = -E2BIG;
	secy_free(&list);
	return r;
}

/* ---- TLS ---- */

static int look_at_tls(struct look *look)
{
	unsigned long count = 0;
	int r = connection_count_ktls(&count);

	if (!r && count)
		add(look, NETWORK_TLS, count, "");
	return r;
}

static void visit(const struct netns *netns, void *context)
{
	struct look *look = context;
	int errors[4], error = 0;
	size_t i;

	look->place = netns->name;
	errors[0] = look_at_links(look);
	/* Part of a list is none. */
	if (errors[0])
		memset(&look->here, 0, sizeof(look->here));
	errors[1] = look_at_macsec(look);
	errors[2] = look_at_ipsec(look, netns);
	errors[3] = look_at_tls(look);
	keep(look);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i])
			error = errors[i];
	if (error && netns->foreign)
		join(look->network->foreign, netns->name, "");
	else if (error)
		look->network->error = error;
}

static void missed(const struct netns *netns, int error, void *context)
{
	struct look *look = context;

	(void)error;
	look->network->n_missed += !netns->foreign;
	join(netns->foreign ? look->network->foreign : look->network->missed, netns->name, "");
}

void network_look(struct network *ret_network)
{
	struct look look = { .network = ret_network };
	const struct netns_visitor visitor = { .visit = visit, .missed = missed, .context = &look };
	struct ike_units units;
	int r;

	*ret_network = (struct network){ .error = 0 };
	ike_find(ike_mounts, NULL, &units);
	ike_find_namespaces(&units, &look.ike);
	ike_release(&units);
	r = netns_walk(WALK_MS, &visitor);
	if (r == -E2BIG || r == -ETIMEDOUT)
		ret_network->cut = true;
	else if (r)
		ret_network->error = r;
}
