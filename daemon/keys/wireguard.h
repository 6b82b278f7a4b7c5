/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * WireGuard in the kernel: its interfaces, whoever configured them, and how they forget the
 * session keys that all clones of a snapshot have in common. What is configured stays, and so
 * do the times of the latest handshakes, by which an interface knows what a stranger has
 * recorded and sends again.
 */
#ifndef WIREGUARD_H
#define WIREGUARD_H

#include <linux/wireguard.h>
#include <net/if.h>
#include <stdbool.h>

#include "netlink.h"

/* Of one network name space. */
enum { WIREGUARD_MAX = 1024 };

struct wireguard_list {
	size_t n;
	/* There are others, for which there was no room. */
	bool more;
	struct {
		uint32_t index;
		/* Of any bytes; to be escaped before it is printed. */
		char name[IF_NAMESIZE];
	} interfaces[WIREGUARD_MAX];
};

/*
 * Lists the interfaces in the network name space where the socket was opened; route is of
 * NETLINK_ROUTE, generic below of NETLINK_GENERIC, and family is that of WG_GENL_NAME. Needs
 * no rights. Returns 0; -errno.
 */
int wireguard_list(struct netlink *route, struct wireguard_list *ret_list);

/*
 * Looks whether an interface could forget now, and changes nothing. Returns 0; -ENOKEY: it
 * has no private key, so no session keys; -ENODEV: it is gone, perhaps into another network
 * name space; -ENOENT: the family is gone; -EPERM; -errno.
 */
int wireguard_try(struct netlink *generic, uint16_t family, uint32_t index);

/*
 * Has an interface forget its session keys: it sends nothing any more that is encrypted with
 * one of them, and agrees on others with the next packet, or at once if packets wait. What
 * comes in is still decrypted with those of before, for three minutes at most. Whoever is
 * killed in the middle of it leaves the interface with its private key.
 *
 * Returns what wireguard_try() returns; -EKEYREJECTED: it has not got its private key back;
 * -ESTALE: it has forgotten, but its peers, its port or its mark were changed meanwhile, by
 * somebody else; with other errors it may not have forgotten.
 */
int wireguard_forget(struct netlink *generic, uint16_t family, uint32_t index);

#endif /* WIREGUARD_H */
