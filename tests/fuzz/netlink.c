/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the kernel answers of interfaces, keys and policies, which users make in network name
 * spaces of their own: names end, numbers keep their bounds, and an answer that is refused
 * tells nothing.
 *
 * Input: a letter for the question, then messages as parts.h has them: type, two bytes, flags, one
 * byte, and what follows the header.
 */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "keys/link.h"
#include "keys/local.h"
#include "keys/secy.h"
#include "keys/tunnel.h"
#include "keys/xfrm.h"
#include "parts.h"

enum { HEAD = 3 };

extern ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t size);
extern ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size);
extern int __wrap_deadline_wait(int fd, int64_t deadline);

static struct parts answers;
static uint32_t sequence;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t size)
{
	(void)socket;
	sequence = ((const struct nlmsghdr *)data)->nlmsg_seq;
	return size;
}

int __wrap_deadline_wait(int fd, int64_t deadline)
{
	(void)fd;
	(void)deadline;
	return 0;
}

/* After the last one there is no more to tell. */
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(data);
	size_t length = 0;
	char *part = part_take(&answers, &length);

	message->nlmsg_type = NLMSG_DONE;
	message->nlmsg_seq = sequence;
	message->nlmsg_pid = mnl_socket_get_portid(socket);
	if (part && length >= HEAD && length - HEAD <= size - MNL_NLMSG_HDRLEN) {
		message->nlmsg_type = (uint8_t)part[0] | (uint8_t)part[1] << 8;
		message->nlmsg_flags = (uint8_t)part[2];
		message->nlmsg_len += length - HEAD;
		memcpy(mnl_nlmsg_get_payload(message), part + HEAD, length - HEAD);
	}
	free(part);
	return message->nlmsg_len;
}

static void try_links(struct netlink *netlink)
{
	static struct link_list list;
	size_t i;

	if (link_list(netlink, "wireguard", &list))
		return;
	demand(list.n <= LINKS_MAX);
	for (i = 0; i < list.n; i++)
		demand(strnlen(list.interfaces[i].name, IF_NAMESIZE) < IF_NAMESIZE);
}

static void try_secy(struct netlink *netlink)
{
	struct secy_socket socket = { .generic = *netlink, .family = 30 };
	struct secy_list list;
	size_t i;

	if (secy_list(&socket, &list))
		return;
	for (i = 0; i < list.n; i++)
		demand(list.interfaces[i].keys < 16 && list.interfaces[i].n_senders <= SECY_SENDERS &&
		       strnlen(list.interfaces[i].name, IF_NAMESIZE) < IF_NAMESIZE);
	secy_free(&list);
}

static void try_tunnel(struct netlink *netlink)
{
	struct tunnel tunnel, untouched;

	memset(&tunnel, 0, sizeof(tunnel));
	tunnel.mark = 4711;
	untouched = tunnel;
	if (tunnel_read(netlink, 30, 7, &tunnel))
		demand(!memcmp(&tunnel, &untouched, sizeof(tunnel)));
	else
		demand(tunnel.index == 7 && tunnel_has_key_of(&tunnel, &tunnel));
}

static void try_policies(struct netlink *netlink)
{
	struct ipsec_policies policies;
	char text[256];
	size_t i;

	if (ipsec_list(netlink, &policies))
		return;
	for (i = 0; i < policies.n; i++) {
		ipsec_describe(&policies.policy[i], text, sizeof(text));
		demand(is_line(text) && !strncmp(text, "src ", 4));
		ipsec_write_removal(&policies.policy[i], text, sizeof(text));
		demand(is_line(text) && !strpbrk(text, "$`;&|<>()\"'\\"));
	}
	demand(ipsec_count_of(&policies, ~0U) == policies.n);
	ipsec_free(&policies);
}

static void try_local(void)
{
	struct local local;

	if (local_read(&local))
		return;
	demand(local.n <= LOCAL_MAX && (!local.n || local_has(&local, &local.all[local.n - 1])));
	local_free(&local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = count_descriptors();
	struct netlink netlink;
	uint16_t family = 4711;
	unsigned int n;

	if (!size || netlink_open(NETLINK_ROUTE, &netlink))
		return 0;
	answers = (struct parts){ data + 1, size - 1 };
	if (*data == 'l')
		try_links(&netlink);
	else if (*data == 's')
		try_secy(&netlink);
	else if (*data == 't')
		try_tunnel(&netlink);
	else if (*data == 'p')
		try_policies(&netlink);
	else if (*data == 'c')
		(void)ipsec_count(&netlink, &n);
	else if (*data == 'a')
		try_local();
	else if (netlink_family(&netlink, "macsec", &family))
		demand(family == 4711);
	netlink_close(&netlink);
	demand(count_descriptors() == before);
	return 0;
}
