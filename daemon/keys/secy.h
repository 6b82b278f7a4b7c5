/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * MACsec (IEEE 802.1AE): interfaces that encrypt each frame of a network card under a key and
 * a packet number. The kernel drops what is sent where there is no key to send with; it is
 * never sent in plain text (Linux 6.12, macsec_start_xmit()).
 */
#ifndef SECY_H
#define SECY_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink.h"

enum {
	/* So many senders of one interface are forgotten at a time. */
	SECY_SENDERS = 64,
	SECY_LISTENERS = 256,
};

struct secy {
	/* Of it, and of the interface below; 0: that is in another network name space. */
	uint32_t index, lower;
	/* To be escaped. */
	char name[IF_NAMESIZE];
	/* Somebody on the interface below listens for the protocol that agrees on keys (MKA). */
	bool listened;
	/* A key, to send with or to receive, has no name as that protocol makes them. */
	bool by_hand;
	/* The kernel does not tell its keys, which count as set by hand, and all as there. */
	bool untold;
	/* For the caller: a daemon that agrees on its keys is there, and can do so again. */
	bool heals;
	/* A bit for each key to send with. */
	unsigned int keys;
	/* Whose frames it takes; no more than SECY_SENDERS are told. */
	unsigned int n_senders;
	uint64_t senders[SECY_SENDERS];
};

/*
 * Whether a daemon may have agreed on its keys with the other end. hostapd listens as well, and
 * wpa_supplicant also where it only logs in; keys by hand may have names like those.
 */
static inline bool secy_perhaps_by_mka(const struct secy *interface)
{
	return interface->listened && !interface->by_hand;
}

/* A socket that listens. */
struct secy_listener {
	uint32_t lower;
	uint64_t inode;
};

struct secy_list {
	struct secy *interfaces;
	size_t n, n_listeners;
	/* There are others, for which there was no room. */
	bool more, more_listeners;
	struct secy_listener listeners[SECY_LISTENERS];
};

struct secy_socket {
	struct netlink generic;
	uint16_t family;
};

/*
 * In the network name space of this thread. Returns 0; -ENOENT: this kernel has no MACsec, or
 * has not loaded it, so nothing is configured anywhere; -errno.
 */
int secy_open(struct secy_socket *ret_socket);
void secy_close(struct secy_socket *socket);

/* Returns 0, with a list to be freed by secy_free(); -errno. */
int secy_list(struct secy_socket *socket, struct secy_list *ret_list);
void secy_free(struct secy_list *list);

/*
 * Looks for who listens below the interfaces of a list that is of this thread's network name
 * space. In those of others it would take as long as they like. Returns 0; -errno.
 */
int secy_listen(struct secy_list *list);

/*
 * Deletes all keys to send with, after which the interface sends nothing until it gets others;
 * if it heals also the senders, which its daemon would not make again while they are there. What is
 * gone already is no error. Returns 0; -errno: the first error, after all was tried.
 */
int secy_forget(struct secy_socket *socket, const struct secy *interface);

#endif /* SECY_H */
