/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>

#include "tunnel.h"

/* 0 and a type that is unknown here are left to later versions of Linux. */
static int refuse(void)
{
	errno = EBADMSG;
	return MNL_CB_ERROR;
}

/* Also what is left at the end, because it was cut off. */
static bool is_whole(const void *from, const void *end, const struct nlattr *stopped_at)
{
	return (const char *)stopped_at >= (const char *)from &&
	       (const char *)stopped_at == (const char *)end;
}

static int take_key(const struct nlattr *attribute, uint8_t *ret_key)
{
	if (mnl_attr_validate2(attribute, MNL_TYPE_BINARY, WG_KEY_LEN) < 0)
		return refuse();
	memcpy(ret_key, mnl_attr_get_payload(attribute), WG_KEY_LEN);
	return MNL_CB_OK;
}

static void count_peer(struct tunnel *tunnel, const uint8_t *public_key)
{
	uint64_t word;
	size_t i;

	if (tunnel->n_peers && !memcmp(public_key, tunnel->last_peer, WG_KEY_LEN))
		return;
	memcpy(tunnel->last_peer, public_key, WG_KEY_LEN);
	tunnel->n_peers++;
	for (i = 0; i < WG_KEY_LEN / sizeof(word); i++) {
		memcpy(&word, public_key + i * sizeof(word), sizeof(word));
		tunnel->sum[i] += word;
	}
}

static int take_peer(const struct nlattr *peer, struct tunnel *tunnel)
{
	uint8_t public_key[WG_KEY_LEN];
	const struct nlattr *attribute;
	bool has_key = false;

	if (mnl_attr_validate(peer, MNL_TYPE_NESTED) < 0)
		return refuse();
	mnl_attr_for_each_nested(attribute, peer) {
		if (mnl_attr_get_type(attribute) != WGPEER_A_PUBLIC_KEY)
			continue;
		if (take_key(attribute, public_key) < 0)
			return MNL_CB_ERROR;
		has_key = true;
	}
	if (!has_key || !is_whole(mnl_attr_get_payload(peer), mnl_attr_next(peer), attribute))
		return refuse();
	count_peer(tunnel, public_key);
	return MNL_CB_OK;
}

static int take_peers(const struct nlattr *peers, struct tunnel *tunnel)
{
	const struct nlattr *peer;

	if (mnl_attr_validate(peers, MNL_TYPE_NESTED) < 0)
		return refuse();
	mnl_attr_for_each_nested(peer, peers)
		if (take_peer(peer, tunnel) < 0)
			return MNL_CB_ERROR;
	return is_whole(mnl_attr_get_payload(peers), mnl_attr_next(peers), peer) ? MNL_CB_OK :
										   refuse();
}

static int take_attribute(const struct nlattr *attribute, struct tunnel *tunnel)
{
	switch (mnl_attr_get_type(attribute)) {
	case WGDEVICE_A_IFINDEX:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0 ||
		    mnl_attr_get_u32(attribute) != tunnel->index)
			return refuse();
		return MNL_CB_OK;
	case WGDEVICE_A_PRIVATE_KEY:
		tunnel->has_key = true;
		return take_key(attribute, tunnel->private_key);
	case WGDEVICE_A_PUBLIC_KEY:
		return take_key(attribute, tunnel->public_key);
	case WGDEVICE_A_LISTEN_PORT:
		if (mnl_attr_validate(attribute, MNL_TYPE_U16) < 0)
			return refuse();
		tunnel->port = mnl_attr_get_u16(attribute);
		return MNL_CB_OK;
	case WGDEVICE_A_FWMARK:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
			return refuse();
		tunnel->mark = mnl_attr_get_u32(attribute);
		return MNL_CB_OK;
	case WGDEVICE_A_PEERS:
		return take_peers(attribute, tunnel);
	default:
		return MNL_CB_OK;
	}
}

int tunnel_take(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
		if (take_attribute(attribute, context) < 0)
			return MNL_CB_ERROR;
	return is_whole(mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload_tail(message),
			attribute) ? MNL_CB_OK : refuse();
}

struct nlmsghdr *tunnel_request(void *buffer, uint16_t family, uint32_t index)
{
	struct nlmsghdr *request = netlink_begin_generic(buffer, family, NLM_F_DUMP,
							 WG_CMD_GET_DEVICE, WG_GENL_VERSION);

	mnl_attr_put_u32(request, WGDEVICE_A_IFINDEX, index);
	return request;
}

int tunnel_read(struct netlink *generic, uint16_t family, uint32_t index,
		struct tunnel *ret_tunnel)
{
	char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct tunnel tunnel;
	unsigned int i;
	int r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		tunnel = (struct tunnel){ .index = index };
		r = netlink_ask(generic, tunnel_request(buffer, family, index), tunnel_take,
				&tunnel);
	}
	if (!r)
		*ret_tunnel = tunnel;
	tunnel_clear(&tunnel);
	return r;
}

bool tunnel_has_key_of(const struct tunnel *tunnel, const struct tunnel *other)
{
	return tunnel->has_key == other->has_key &&
	       !memcmp(tunnel->private_key, other->private_key, WG_KEY_LEN) &&
	       !memcmp(tunnel->public_key, other->public_key, WG_KEY_LEN);
}

bool tunnel_has_peers_of(const struct tunnel *tunnel, const struct tunnel *other)
{
	return tunnel->n_peers == other->n_peers && tunnel->port == other->port &&
	       tunnel->mark == other->mark &&
	       !memcmp(tunnel->sum, other->sum, sizeof(tunnel->sum));
}

void tunnel_clear(struct tunnel *tunnel)
{
	explicit_bzero(tunnel, sizeof(*tunnel));
}
