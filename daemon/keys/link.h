/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Network interfaces of one kind: wireguard, macsec.
 */
#ifndef LINK_H
#define LINK_H

#include <net/if.h>
#include <stdbool.h>

#include "netlink.h"

/* Of one network name space. */
enum { LINKS_MAX = 1024 };

struct link_list {
	size_t n;
	/* There are others, for which there was no room. */
	bool more;
	struct {
		/* Of it, and of the interface below; 0: none, or in another network name space. */
		uint32_t index, lower;
		/* Of any bytes; to be escaped before it is printed. */
		char name[IF_NAMESIZE];
	} interfaces[LINKS_MAX];
};

/*
 * Lists the interfaces in the network name space where the socket, of NETLINK_ROUTE, was
 * opened. Needs no rights. Returns 0; -errno.
 */
int link_list(struct netlink *route, const char *kind, struct link_list *ret_list);

#endif /* LINK_H */
