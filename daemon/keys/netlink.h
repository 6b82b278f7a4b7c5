/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * keys/: session keys with counters that live in the kernel, found and forgotten. They
 * were agreed before a snapshot, so every copy of this machine has them.
 *
 * In: what the kernel tells by netlink, of this network name space and of others.
 * Out: what is configured, for vmgenctl check; keys that nobody encrypts with any more, for
 * the guards.
 * Never: a kernel module that is loaded because somebody looked, an answer that is believed
 * of anybody but the kernel, or a key in a log, in swap or in memory after it was needed.
 *
 * Netlink, over libmnl. Of what comes there is a limit of time, but Linux works requests off
 * inside of sendmsg(2), and dumps inside of recvmsg(2), where it waits for locks of its
 * network that others have, and no signal ends that. Nothing here does either: a hook has its
 * timeout, after which vmgend goes on without it, and vmgenctl waits as ip(8) would.
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* What the kernel uses at most for one part of a dump (Linux 6.12, netlink_dump()). */
	NETLINK_ANSWER_SIZE = 32768,
	/* So long messages are taken for one answer, after the request was sent. */
	NETLINK_LIMIT_MS = 5000,
	/* A dump that changed meanwhile is asked for so often. */
	NETLINK_TRIES = 5,
};

struct netlink {
	struct mnl_socket *socket;
	unsigned int port, sequence;
};

/*
 * Opens a socket to the kernel in the network name space of this thread. bus: NETLINK_ROUTE and so on.
 * Returns 0; -EPROTONOSUPPORT: this kernel has it not; -errno.
 */
int netlink_open(int bus, struct netlink *ret_netlink);

void netlink_close(struct netlink *netlink);

/*
 * Begins a message in buffer, of which it zeroes the header and the size bytes after it that
 * are the protocol's own; what follows is put in with mnl_attr_put().
 */
struct nlmsghdr *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t size,
			       void **ret_own);

/* Of generic netlink. */
struct nlmsghdr *netlink_begin_generic(void *buffer, uint16_t family, uint16_t flags,
				       uint8_t command, uint8_t version);

/*
 * Sends a request and takes its answer: each message of it is handed to take, which may be
 * NULL and returns MNL_CB_OK, or MNL_CB_ERROR with errno. Without NLM_F_DUMP the request gets
 * NLM_F_ACK.
 *
 * Returns 0; -EINTR: what was dumped changed meanwhile, take has seen part of it, and the
 * caller asks again, NETLINK_TRIES times; -ETIMEDOUT; -errno: what the kernel or take said.
 */
int netlink_ask(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t take, void *context);

/* One of several requests, and what came of it. */
struct netlink_question {
	struct nlmsghdr *request;
	mnl_cb_t take;
	void *context;
	bool is_answered;
	/* As netlink_ask() returns it. */
	int result;
};

/*
 * As netlink_ask(), for n requests that lie one behind the other, each at the end of the one
 * before, aligned: Linux works all of them off before the call returns, and before anybody can
 * be killed. Returns 0: all are answered, see the results; -ETIMEDOUT; -errno.
 */
int netlink_ask_all(struct netlink *netlink, struct netlink_question *questions, size_t n);

/*
 * Sends messages that Linux takes as a whole, or not at all (nf_tables); the last of them but a
 * mark of the end has NLM_F_ACK. Returns 0; -ETIMEDOUT; -errno: what the first that failed
 * failed with.
 */
int netlink_submit(struct netlink *netlink, void *messages, size_t size);

/*
 * Finds the number of a family of generic netlink in a list of all, because to ask for its
 * name would load its module. Returns 0; -ENOENT: there is none; -errno.
 */
int netlink_family(struct netlink *generic, const char *name, uint16_t *ret_family);

#endif /* NETLINK_H */
