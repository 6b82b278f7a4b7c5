/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A kernel with an interface of WireGuard, which the test plays: the linker leads what libmnl
 * sends and receives through here (--wrap, see the Makefile). It works off a message at once,
 * as Linux does.
 */
#ifndef TUNNELS_H
#define TUNNELS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/wireguard.h"

enum { FAMILY = 35, INDEX = 7, PORT = 99, MARK = 0x77, MAX_PARTS = 2000, PER_PART = 100 };

/* What goes wrong with an answer. */
enum lie {
	NO_LIE, SHORT_KEY, LONG_KEY, OTHER_INDEX, CUT_OFF, NO_PUBLIC_KEY, SHORT_PORT, STRAY_PEER, LIES,
};

static const char *const lies[LIES] = {
	"", "a key that is too short", "one that is too long", "another interface", "a part cut off",
	"a peer without a key", "a port of one byte", "peers that are none",
};

static struct {
	uint8_t private_key[WG_KEY_LEN];
	size_t n_peers;
	unsigned int first_peer, n_links;
	/* Of the interface, if not wg0. */
	const char *name;
	bool is_there;
	unsigned int n_forgotten;
	/* Requests so far: each GET, and each SET. */
	unsigned int n_gets, n_sets, n_sends;
	/* The number of the SET that fails, with what. */
	unsigned int fails_at;
	int error;
	/* Before this GET somebody else sets a key; a SET of this number loses a peer or changes one. */
	unsigned int meddled_at, loses_at, swaps_at;
	uint8_t meddled[WG_KEY_LEN];
	/* The dump of this number has changed meanwhile. */
	unsigned int interrupted_at;
	enum lie lie;
	/* Acknowledgements are lost from here on. */
	bool silent;
	size_t first, last;
	/* There is one dump at a time. */
	bool is_dumping;
} kernel;

/* What it has answered, from kernel.first on. */
static struct {
	size_t size;
	char bytes[NETLINK_ANSWER_SIZE];
} parts[MAX_PARTS];

static const uint8_t key_a[WG_KEY_LEN] = { 0x10, [31] = 0x41 }, key_b[WG_KEY_LEN] = { 0x20, [31] = 0x42 };

/* ---- answers ------------------------------------------------------------- */

static struct nlmsghdr *begin_part(const struct nlmsghdr *request, uint16_t type, size_t own)
{
	struct nlmsghdr *part;

	if (kernel.last == MAX_PARTS)
		abort();
	part = mnl_nlmsg_put_header(parts[kernel.last].bytes);
	part->nlmsg_type = type;
	part->nlmsg_flags = NLM_F_MULTI;
	part->nlmsg_seq = request->nlmsg_seq;
	part->nlmsg_pid = PORT;
	mnl_nlmsg_put_extra_header(part, own);
	return part;
}

static void end_part(const struct nlmsghdr *part)
{
	parts[kernel.last++].size = part->nlmsg_len;
}

static void answer_error(const struct nlmsghdr *request, int error)
{
	struct nlmsghdr *part = begin_part(request, NLMSG_ERROR, sizeof(struct nlmsgerr));

	((struct nlmsgerr *)mnl_nlmsg_get_payload(part))->error = error;
	if (!kernel.silent)
		end_part(part);
}

static void answer_done(const struct nlmsghdr *request)
{
	end_part(begin_part(request, NLMSG_DONE, sizeof(int)));
}

static bool is_none(const uint8_t *key)
{
	static const uint8_t none[WG_KEY_LEN];

	return !memcmp(key, none, WG_KEY_LEN);
}

static void put_public_key(struct nlmsghdr *part, uint16_t type, const uint8_t *private_key)
{
	uint8_t public_key[WG_KEY_LEN];
	size_t i;

	for (i = 0; i < WG_KEY_LEN; i++)
		public_key[i] = ~private_key[i];
	mnl_attr_put(part, type, WG_KEY_LEN, public_key);
}

static void put_peer(struct nlmsghdr *part, unsigned int number)
{
	uint8_t key[WG_KEY_LEN] = { [0] = 9 };
	struct nlattr *peer = mnl_attr_nest_start(part, 0);

	memcpy(key + 1, &number, sizeof(number));
	if (kernel.lie != NO_PUBLIC_KEY)
		mnl_attr_put(part, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, key);
	mnl_attr_put_u16(part, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
	mnl_attr_nest_end(part, peer);
}

static void put_device(struct nlmsghdr *part)
{
	mnl_attr_put_u16(part, WGDEVICE_A_LISTEN_PORT, 51820);
	if (kernel.lie == SHORT_PORT)
		mnl_attr_put_u8(part, WGDEVICE_A_LISTEN_PORT, 1);
	mnl_attr_put_u32(part, WGDEVICE_A_FWMARK, MARK);
	mnl_attr_put_u32(part, WGDEVICE_A_IFINDEX, INDEX + (kernel.lie == OTHER_INDEX));
	mnl_attr_put_str(part, WGDEVICE_A_IFNAME, "wg0");
	if (is_none(kernel.private_key))
		return;
	mnl_attr_put(part, WGDEVICE_A_PRIVATE_KEY,
		     WG_KEY_LEN - (kernel.lie == SHORT_KEY) + (kernel.lie == LONG_KEY),
		     kernel.private_key);
	put_public_key(part, WGDEVICE_A_PUBLIC_KEY, kernel.private_key);
}

/*
 * The last peer of a part is begun again in the next, as one that has many addresses; parts
 * differ in size, as they do after the first has been read.
 */
static void answer_get(const struct nlmsghdr *request)
{
	struct nlattr *peers;
	struct nlmsghdr *part;
	unsigned int i = 0, end;

	if (kernel.first != kernel.last && kernel.is_dumping) {
		answer_error(request, -EBUSY);
		return;
	}
	kernel.n_gets++;
	if (!kernel.is_there) {
		answer_error(request, -ENODEV);
		return;
	}
	if (kernel.n_gets == kernel.meddled_at)
		memcpy(kernel.private_key, kernel.meddled, WG_KEY_LEN);
	do {
		part = begin_part(request, FAMILY, sizeof(struct genlmsghdr));
		if (!i)
			put_device(part);
		else if (kernel.n_gets == kernel.interrupted_at)
			part->nlmsg_flags |= NLM_F_DUMP_INTR;
		peers = mnl_attr_nest_start(part, WGDEVICE_A_PEERS);
		for (end = i + PER_PART + kernel.n_gets, i -= i > 0; i < end && i < kernel.n_peers; i++)
			put_peer(part, kernel.first_peer + i);
		if (kernel.lie == STRAY_PEER)
			mnl_attr_put_u8(part, 0, 1);
		mnl_attr_nest_end(part, peers);
		if (kernel.lie == CUT_OFF)
			part->nlmsg_len -= MNL_ATTR_HDRLEN + 3;
		end_part(part);
	} while (i < kernel.n_peers);
	answer_done(request);
	kernel.is_dumping = true;
}

static void answer_set(const struct nlmsghdr *request)
{
	const struct nlattr *attribute;
	uint8_t *key = NULL;

	kernel.n_sets++;
	mnl_attr_for_each(attribute, request, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attribute) == WGDEVICE_A_PRIVATE_KEY)
			key = mnl_attr_get_payload(attribute);
	if (!kernel.is_there || kernel.n_sets == kernel.fails_at) {
		answer_error(request, kernel.is_there ? kernel.error : -ENODEV);
		return;
	}
	if (memcmp(kernel.private_key, key, WG_KEY_LEN)) {
		memcpy(kernel.private_key, key, WG_KEY_LEN);
		kernel.n_forgotten++;
	}
	kernel.n_peers -= kernel.n_sets == kernel.loses_at;
	kernel.first_peer += kernel.n_sets == kernel.swaps_at;
	answer_error(request, 0);
}

static void put_link(const struct nlmsghdr *request, unsigned int index, const char *name,
		     const char *kind)
{
	struct nlmsghdr *part = begin_part(request, RTM_NEWLINK, sizeof(struct ifinfomsg));
	struct nlattr *information;

	((struct ifinfomsg *)mnl_nlmsg_get_payload(part))->ifi_index = index;
	mnl_attr_put_strz(part, IFLA_IFNAME, name);
	information = mnl_attr_nest_start(part, IFLA_LINKINFO);
	if (kind)
		mnl_attr_put_str(part, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(part, information);
	end_part(part);
}

static void answer_links(const struct nlmsghdr *request)
{
	unsigned int i;

	put_link(request, 1, "lo", NULL);
	put_link(request, 2, "br0", "bridge");
	put_link(request, 3, "w", "wireguard2");
	put_link(request, 4, "v", "wire");
	put_link(request, INDEX, kernel.name ? kernel.name : "wg0", "wireguard");
	for (i = 0; i < kernel.n_links; i++)
		put_link(request, 100 + i, "wgx", "wireguard");
	put_link(request, 8, "a-name-that-is-too-long", "wireguard");
	answer_done(request);
}

static void work_off(const struct nlmsghdr *request)
{
	const struct genlmsghdr *own = mnl_nlmsg_get_payload(request);

	if (request->nlmsg_type == RTM_GETLINK)
		answer_links(request);
	else if (own->cmd == WG_CMD_GET_DEVICE)
		answer_get(request);
	else
		answer_set(request);
}

/* ---- what the linker leads here ------------------------------------------ */

extern ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *, const void *, size_t);
extern ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *, void *, size_t);
extern int __wrap_mnl_socket_get_fd(const struct mnl_socket *);

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *buffer, size_t size)
{
	const struct nlmsghdr *request = buffer;
	int left = size;

	(void)socket;
	if (kernel.first == kernel.last)
		kernel.first = kernel.last = kernel.is_dumping = 0;
	kernel.n_sends++;
	for (; mnl_nlmsg_ok(request, left); request = mnl_nlmsg_next(request, &left))
		work_off(request);
	return size;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	size_t n;

	(void)socket;
	if (kernel.first == kernel.last) {
		errno = ENOBUFS;
		return -1;
	}
	n = parts[kernel.first].size;
	if (n > size)
		abort();
	memcpy(buffer, parts[kernel.first++].bytes, n);
	return n;
}

/* There is always something to read, if only that there is nothing. */
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket)
{
	static int fd = -1;

	(void)socket;
	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return fd;
}

#endif /* TUNNELS_H */
