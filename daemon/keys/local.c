/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"
#include "netlink.h"

enum { FIRST_SIZE = 64, LOOPBACK_NET = 127 };

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

static int add(struct local *local, const struct in6_addr *address)
{
	size_t size = local->size ? local->size * 2 : FIRST_SIZE;
	struct in6_addr *all;

	if (local->n == LOCAL_MAX)
		return -E2BIG;
	if (local->n == local->size) {
		all = reallocarray(local->all, size, sizeof(*all));
		if (!all)
			return -ENOMEM;
		local->all = all;
		local->size = size;
	}
	local->all[local->n++] = *address;
	return 0;
}

static int take(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;
	struct in6_addr address = IN6ADDR_ANY_INIT;
	const struct ifaddrmsg *told = mnl_nlmsg_get_payload(message);
	bool wide, own = false;
	size_t size;
	int r;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*told) ||
	    (told->ifa_family != AF_INET && told->ifa_family != AF_INET6))
		return MNL_CB_OK;
	wide = told->ifa_family == AF_INET6;
	size = wide ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	mnl_attr_for_each(attribute, message, sizeof(*told)) {
		uint16_t type = mnl_attr_get_type(attribute);

		/* Where there are both, IFA_ADDRESS is the peer's, of a point-to-point link. */
		if ((type != IFA_LOCAL && (type != IFA_ADDRESS || own)) ||
		    mnl_attr_get_payload_len(attribute) != size)
			continue;
		own = type == IFA_LOCAL;
		if (!wide)
			address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[wide ? 0 : 12], mnl_attr_get_payload(attribute), size);
	}
	r = IN6_IS_ADDR_UNSPECIFIED(&address) ? 0 : add(context, &address);
	if (!r)
		return MNL_CB_OK;
	errno = -r;
	return MNL_CB_ERROR;
}

int local_read(struct local *ret_local)
{
	char buffer[NLMSG_SPACE(sizeof(struct ifaddrmsg))] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct local local = { .n = 0 };
	struct netlink route;
	unsigned int i;
	int r;

	r = netlink_open(NETLINK_ROUTE, &route);
	if (r)
		return r;
	/* Both families; addresses that come and go meanwhile do not matter. */
	for (r = -EINTR, i = 0; i < NETLINK_TRIES && r == -EINTR; i++)
		r = netlink_ask(&route, netlink_begin(buffer, RTM_GETADDR, NLM_F_DUMP,
						      sizeof(struct ifaddrmsg), NULL),
				take, &local);
	netlink_close(&route);
	if (r) {
		local_free(&local);
		return r;
	}
	if (local.n)
		qsort(local.all, local.n, sizeof(*local.all), compare);
	*ret_local = local;
	return 0;
}

bool local_has(const struct local *local, const struct in6_addr *address)
{
	if (IN6_IS_ADDR_LOOPBACK(address) ||
	    (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == LOOPBACK_NET))
		return true;
	return local->n && bsearch(address, local->all, local->n, sizeof(*address), compare);
}

void local_free(struct local *local)
{
	free(local->all);
	*local = (struct local){ .n = 0 };
}
