/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the kernel's network has session keys for, in this network name space and, with
 * the right to enter them, in others. Nothing of it is changed, and no module is loaded.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stdint.h>

enum network_kind {
	/* Interfaces. */
	NETWORK_WIREGUARD,
	/* With keys of a daemon (MKA), and with keys that nothing replaces. */
	NETWORK_MACSEC,
	NETWORK_MACSEC_MANUAL,
	NETWORK_OVPN,
	/* With a radio, and connected. */
	NETWORK_WIRELESS,
	/* States of ESP and AH: of a daemon, and where none is known. */
	NETWORK_IPSEC,
	NETWORK_IPSEC_MANUAL,
	/* Sockets whose TLS is the kernel's. */
	NETWORK_TLS,
	NETWORK_KINDS,
};

enum {
	NETWORK_NAMES_SIZE = 600,
	NETWORK_BLOCKS_MAX = 5,
};

/* What 10-ipsec has blocked, and the command that lifts that at once; "": none can be told. */
struct network_block {
	char text[NETWORK_NAMES_SIZE], command[NETWORK_NAMES_SIZE];
};

struct network {
	struct {
		uint64_t count;
		/* "wg0, wg1 in blue", as far as there is room; not safe to print as it is. */
		char names[NETWORK_NAMES_SIZE];
	} kinds[NETWORK_KINDS];
	unsigned int n_blocks;
	struct network_block blocks[NETWORK_BLOCKS_MAX];
	/* Name spaces that could not be looked at, and one of them. */
	unsigned int n_missed;
	char missed[NETWORK_NAMES_SIZE];
	/* Those of other user name spaces, whose users may have made that so. */
	char foreign[NETWORK_NAMES_SIZE];
	/* There was no time for all of them. */
	bool cut;
	/* Only who has CAP_NET_ADMIN is told of IPsec. */
	bool forbidden;
	/* -errno of a look that failed. */
	int error;
};

/* The thread may be left in another network name space, so look at the network last. */
void network_look(struct network *ret_network);

#endif /* NETWORK_H */
