/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The addresses of this machine, by which a connection to itself is known.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* A user may give his name space as many as he likes. */
enum { LOCAL_MAX = 65536 };

struct local {
	/* IPv4 as ::ffff:192.0.2.1, in order. */
	struct in6_addr *all;
	size_t n, size;
};

/* Reads those of the network name space of this thread. Returns 0; -E2BIG: there are more; -errno. */
int local_read(struct local *ret_local);

/* Is it one of them, or of the loopback networks? */
bool local_has(const struct local *local, const struct in6_addr *address);

void local_free(struct local *local);

#endif /* LOCAL_H */
