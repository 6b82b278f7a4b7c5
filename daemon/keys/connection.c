/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"

enum {
	/*
	 * Of the others some have no keys yet, and some cannot send anything but what was
	 * encrypted before; a process that has closed its end encrypts nothing any more.
	 */
	STATES = 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT,
	LINE_SIZE = 512,
	FIRST_SIZE = 256,
};

/* Of the thread: its network name space may be another than that of the process. */
#define PROC_NET "/proc/thread-self/net/"

static bool is_listed(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE];
	unsigned int state;
	bool found = false;

	/* Without IPv6 its file is missing. */
	if (!file)
		return errno != ENOENT;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%*x %x", &state) == 1 &&
			state < 32 && 1 << state & STATES;
	fclose(file);
	return found;
}

bool connection_exists(void)
{
	return is_listed(PROC_NET "tcp") || is_listed(PROC_NET "tcp6") ||
	       (access(PROC_NET "tcp", F_OK) && access(PROC_NET "tcp6", F_OK));
}

static bool is_ktls(const struct nlattr *ulp)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, ulp)
		if (mnl_attr_get_type(attribute) == INET_ULP_INFO_NAME &&
		    !mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
			return !strcmp(mnl_attr_get_str(attribute), "tls");
	return false;
}

/* Returns 0, or -EBADMSG: it is no connection. */
static int parse(const struct nlmsghdr *message, struct connection *ret_connection)
{
	const struct inet_diag_msg *told = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*told) ||
	    (told->idiag_family != AF_INET && told->idiag_family != AF_INET6) ||
	    told->idiag_state >= 32 || !(1 << told->idiag_state & STATES))
		return -EBADMSG;
	*ret_connection = (struct connection){ .id = told->id, .family = told->idiag_family };
	mnl_attr_for_each(attribute, message, sizeof(*told))
		if (mnl_attr_get_type(attribute) == INET_DIAG_ULP_INFO)
			ret_connection->ktls = is_ktls(attribute);
	return 0;
}

static int grow(struct connections *connections)
{
	size_t size = connections->size ? connections->size * 2 : FIRST_SIZE;
	struct connection *all = reallocarray(connections->all, size, sizeof(*all));

	if (!all)
		return -ENOMEM;
	connections->all = all;
	connections->size = size;
	return 0;
}

static int take(const struct nlmsghdr *message, void *context)
{
	struct connections *connections = context;
	struct connection connection;

	if (parse(message, &connection))
		return MNL_CB_OK;
	if (connections->n == CONNECTION_MAX ||
	    (connections->n == connections->size && grow(connections)))
		connections->full = true;
	else
		connections->all[connections->n++] = connection;
	return MNL_CB_OK;
}

static int list_family(struct netlink *diag, uint8_t family, uint32_t states, mnl_cb_t taker,
		       void *context)
{
	char buffer[NLMSG_SPACE(sizeof(struct inet_diag_req_v2))]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *message;
	void *own;

	message = netlink_begin(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
				sizeof(struct inet_diag_req_v2), &own);
	/* Without the first of them the kernel does not tell of kTLS. */
	*(struct inet_diag_req_v2 *)own = (struct inet_diag_req_v2){
		.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1), .idiag_states = states,
	};
	return netlink_ask(diag, message, taker, context);
}

static int list(struct netlink *diag, mnl_cb_t taker, void *context)
{
	int r = list_family(diag, AF_INET, STATES, taker, context);

	return r ? r : list_family(diag, AF_INET6, STATES, taker, context);
}

/* Of no state there is none. */
int connection_prepare(struct netlink *diag)
{
	return list_family(diag, AF_INET, 0, NULL, NULL);
}

int connection_list(struct netlink *diag, struct connections *connections)
{
	return list(diag, take, connections);
}

void connection_free(struct connections *connections)
{
	free(connections->all);
	*connections = (struct connections){ .n = 0 };
}

int connection_end(struct netlink *diag, const struct connection *connection)
{
	char buffer[NLMSG_SPACE(sizeof(struct inet_diag_req_v2))]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *message;
	void *own;

	message = netlink_begin(buffer, SOCK_DESTROY, 0, sizeof(struct inet_diag_req_v2), &own);
	*(struct inet_diag_req_v2 *)own = (struct inet_diag_req_v2){
		.sdiag_family = connection->family, .sdiag_protocol = IPPROTO_TCP,
		.idiag_states = STATES, .id = connection->id,
	};
	return netlink_ask(diag, message, NULL, NULL);
}

static struct in6_addr wide(uint8_t family, const __be32 words[4])
{
	struct in6_addr address = IN6ADDR_ANY_INIT;

	if (family == AF_INET6) {
		memcpy(&address, words, sizeof(address));
	} else {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[12], words, sizeof(*words));
	}
	return address;
}

struct connection_ends connection_ends(const struct connection *connection)
{
	return (struct connection_ends){
		.own = wide(connection->family, connection->id.idiag_src),
		.peer = wide(connection->family, connection->id.idiag_dst),
		.own_port = ntohs(connection->id.idiag_sport),
		.peer_port = ntohs(connection->id.idiag_dport),
	};
}

static int write_end(char *text, size_t size, const struct in6_addr *address, uint16_t port)
{
	char name[INET6_ADDRSTRLEN] = "";
	bool mapped = IN6_IS_ADDR_V4MAPPED(address);

	(void)inet_ntop(mapped ? AF_INET : AF_INET6, &address->s6_addr[mapped ? 12 : 0], name,
			sizeof(name));
	return snprintf(text, size, mapped ? "%s:%u" : "[%s]:%u", name, port);
}

const char *connection_text(const struct connection *connection, char text[CONNECTION_TEXT_SIZE])
{
	struct connection_ends ends = connection_ends(connection);
	int n = write_end(text, CONNECTION_TEXT_SIZE, &ends.own, ends.own_port);

	n += snprintf(text + n, CONNECTION_TEXT_SIZE - n, " - ");
	(void)write_end(text + n, CONNECTION_TEXT_SIZE - n, &ends.peer, ends.peer_port);
	return text;
}

/* The file is there as soon as the module tls is. */
static int read_tls_stat(unsigned long *ret_n)
{
	static const char *const names[] = {
		"TlsCurrTxSw", "TlsCurrRxSw", "TlsCurrTxDevice", "TlsCurrRxDevice",
	};
	unsigned long count[sizeof(names) / sizeof(names[0])] = { 0 }, value;
	FILE *file = fopen(PROC_NET "tls_stat", "re");
	char name[32];
	size_t i;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (fscanf(file, "%31s %lu", name, &value) == 2)
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strcmp(name, names[i]))
				count[i] = value;
	fclose(file);
	/* Most sockets have both directions. */
	count[0] += count[2];
	count[1] += count[3];
	*ret_n = count[0] > count[1] ? count[0] : count[1];
	return 0;
}

int connection_count_ktls(unsigned long *ret_n)
{
	unsigned long n = 0;
	int r = read_tls_stat(&n);

	if (!r)
		*ret_n = n;
	return r;
}
