/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Keeps RSTs of connections from leaving: the kernel sends one when it ends a connection, and
 * for every segment of it that comes later. Where addresses are shared they would end the
 * connection of the machine that this one was cloned from. A table of nftables drops them on
 * their way out, and nothing else, until this machine connects again between the same ends.
 */
#ifndef SILENCE_H
#define SILENCE_H

#include "connection.h"

#define SILENCE_TABLE "vmgen_connections"

enum {
	/*
	 * A day. A peer that sends gives up 924 to 1044 s later (Linux, tcp_retries2 15, RTO of at
	 * most 120 s), and one that is silent asks after 7200 s, and for the last time after
	 * 7875 s (keep-alive of Linux; RFC 1122, 4.2.3.6, has no shorter default).
	 */
	SILENCE_SEC = 86400,
	/* So many are told to the kernel at once. */
	SILENCE_MAX = 256,
};

/*
 * Has the kernel load nf_tables now, for a socket for NETLINK_NETFILTER; changes nothing else.
 * Returns 0; -EPERM; -EOPNOTSUPP, -EINVAL: this kernel has no nftables; -errno.
 */
int silence_prepare(struct netlink *netfilter);

/*
 * Makes the table in the network name space of the socket, or renews its rules; connections
 * that it knows stay. Returns as silence_prepare().
 */
int silence_begin(struct netlink *netfilter);

/* From when this returns on no RST of these leaves. n: at most SILENCE_MAX. */
int silence_add(struct netlink *netfilter, const struct connection *connections, size_t n);

#endif /* SILENCE_H */
