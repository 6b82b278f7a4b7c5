/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One WireGuard interface, as the kernel tells it by generic netlink (linux/wireguard.h). Of
 * its peers no more is kept than shows whether they are still the same.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <linux/wireguard.h>
#include <stdbool.h>

#include "netlink.h"

struct tunnel {
	uint32_t index;
	/* Without one both keys are zero, and there are no sessions. */
	bool has_key;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	uint16_t port;
	uint32_t mark;
	size_t n_peers;
	/* Their public keys added up, in words. */
	uint64_t sum[WG_KEY_LEN / sizeof(uint64_t)];
	/* The latest of them: a peer with much to tell comes in several parts. */
	uint8_t last_peer[WG_KEY_LEN];
};

/* As mnl_cb_t: takes one part of an answer. EBADMSG: what it says cannot be. */
int tunnel_take(const struct nlmsghdr *message, void *tunnel);

/* A request for the interface of this number, in buffer. */
struct nlmsghdr *tunnel_request(void *buffer, uint16_t family, uint32_t index);

/*
 * Reads the interface of this number. Returns 0; -ENODEV: there is none; -EOPNOTSUPP: it is
 * of another kind; -ENOENT: the family is gone; -EPERM; -EBADMSG; -errno.
 */
int tunnel_read(struct netlink *generic, uint16_t family, uint32_t index,
		struct tunnel *ret_tunnel);

/* Do both have the same key, or none? */
bool tunnel_has_key_of(const struct tunnel *tunnel, const struct tunnel *other);

/* Do they have the same peers, port and mark? */
bool tunnel_has_peers_of(const struct tunnel *tunnel, const struct tunnel *other);

/* Forgets what it has read, the private key among it. */
void tunnel_clear(struct tunnel *tunnel);

#endif /* TUNNEL_H */
