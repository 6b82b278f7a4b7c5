/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Established TCP connections, each with the session keys and counters of what is
 * spoken on it: found, and ended where they are, without a word to the peer's program.
 * Of those that are closed on this side nothing new can be sent.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "netlink.h"

enum {
	/* More are not kept in memory: 52 MB. */
	CONNECTION_MAX = 1 << 20,
	/* "[address]:port - [address]:port" */
	CONNECTION_TEXT_SIZE = 2 * (INET6_ADDRSTRLEN + sizeof("[]:65535 - ")),
};

struct connection {
	/* As the kernel names it; the cookie is that of the socket, which no later one gets. */
	struct inet_diag_sockid id;
	uint8_t family;
	/* Its keys are in the kernel (kTLS). Those before 6.15 tell only those who may. */
	bool ktls;
};

struct connections {
	struct connection *all;
	size_t n, size;
	/* There are more than CONNECTION_MAX. */
	bool full;
};

/*
 * Is there one in the network name space of this thread? Reads a file, so nothing is loaded
 * into the kernel. True also where that cannot be said.
 */
bool connection_exists(void);

/* Has the kernel load tcp_diag now. Returns as connection_list(). */
int connection_prepare(struct netlink *diag);

/*
 * Adds those of a socket for NETLINK_SOCK_DIAG. The kernel loads tcp_diag for it.
 * Returns 0; -ENOENT, -EPROTONOSUPPORT: this kernel cannot list them; -ETIMEDOUT: these are
 * not all; -errno.
 */
int connection_list(struct netlink *diag, struct connections *connections);

void connection_free(struct connections *connections);

/*
 * Ends one: who has it open gets ECONNABORTED, and the peer a RST, unless that is dropped on
 * its way (silence.h). Returns 0; -ENOENT: it is gone; -EOPNOTSUPP: this kernel cannot;
 * -EPERM; -errno.
 */
int connection_end(struct netlink *diag, const struct connection *connection);

/* Where it ends, IPv4 addresses as IPv6 has them (::ffff:192.0.2.1); ports in host order. */
struct connection_ends {
	struct in6_addr own, peer;
	uint16_t own_port, peer_port;
};

struct connection_ends connection_ends(const struct connection *connection);

/* Returns text: "192.0.2.1:443 - 198.51.100.1:50000", this machine's end first. */
const char *connection_text(const struct connection *connection, char text[CONNECTION_TEXT_SIZE]);

/*
 * How many connections in this network name space have their keys in the kernel. Loads nothing,
 * and needs no rights. Returns 0 or -errno.
 */
int connection_count_ktls(unsigned long *ret_n);

#endif /* CONNECTION_H */
