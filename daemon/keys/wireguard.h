/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * WireGuard in the kernel: how its interfaces, configured by anybody, forget the session
 * keys that all clones of a snapshot have in common. generic is of NETLINK_GENERIC, and family
 * is that of WG_GENL_NAME. What is configured stays, and so do the times of the latest
 * handshakes, by which an interface knows what a stranger has recorded and sends again.
 */
#ifndef WIREGUARD_H
#define WIREGUARD_H

#include <linux/wireguard.h>

#include "netlink.h"

/*
 * Looks whether an interface could forget now, and changes nothing. Returns 0; -ENOKEY: it
 * has no private key, so no session keys; -ENODEV: it is gone, perhaps into another network
 * name space; -ENOENT: the family is gone; -EPERM; -errno.
 */
int wireguard_try(struct netlink *generic, uint16_t family, uint32_t index);

/*
 * Has an interface forget its session keys: it sends nothing any more that is encrypted with
 * one of them, and agrees on others with the next packet, or at once if packets wait. What
 * comes in is still decrypted with those of before, for three minutes at most. A process
 * that is killed in the middle of it leaves the interface with its private key.
 *
 * Returns what wireguard_try() returns; -EKEYREJECTED: it has not got its private key back;
 * -ESTALE: it has forgotten, but its peers, its port or its mark were changed meanwhile, by
 * somebody else; with other errors it may not have forgotten.
 */
int wireguard_forget(struct netlink *generic, uint16_t family, uint32_t index);

#endif /* WIREGUARD_H */
