/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * IPsec in the kernel: security associations (SAs), which have keys and counters, and the
 * policies that say what must be encrypted.
 *
 * Where an SA is gone a policy drops what it should encrypt, unless it is optional ("level
 * use"), or gone as well. A block says the same as the policies do at one moment, without
 * their SAs: it is a copy of each, as a sub policy, which the kernel asks before the main
 * ones, and which no IKE daemon knows of. strongSwan and libreswan flush main ones at most.
 */
#ifndef XFRM_H
#define XFRM_H

#include <linux/types.h>
#include <linux/xfrm.h>
#include <stdbool.h>

#include "netlink.h"

/* No packet is compared with it, and nobody else sets it: so we know our own policies. */
#define IPSEC_OURS	0x766d6765u

enum ipsec_kind {
	/* Encrypts, and drops what it cannot encrypt. */
	IPSEC_REQUIRED = 1,
	/* Lets it through then. */
	IPSEC_OPTIONAL = 2,
	/* An exception from the others. */
	IPSEC_BYPASS = 4,
	/* Ours: a copy of one of the first two, and of an exception. */
	IPSEC_BLOCK = 8,
	IPSEC_BLOCK_BYPASS = 16,
	/* Ours: drops what no other policy matches. */
	IPSEC_REST = 32,
	IPSEC_OTHER = 64,
};

/* For packets that leave this machine. */
struct ipsec_policy {
	enum ipsec_kind kind;
	struct xfrm_userpolicy_info info;
	struct xfrm_mark mark;
	uint32_t if_id;
};

struct ipsec_policies {
	struct ipsec_policy *policy;
	size_t n, room;
};

/*
 * As netlink_open(). Returns also -EPROTONOSUPPORT where the module is not loaded, because to
 * ask would load it: there is nothing in it then.
 */
int ipsec_open(struct netlink *ret_xfrm);

/* How many SAs of ESP and AH there are. Returns 0 or -errno. */
int ipsec_count(struct netlink *xfrm, unsigned int *ret_n);

/* Forgets all SAs of ESP and AH in one step each. Returns 0 or -errno. */
int ipsec_flush(struct netlink *xfrm);

/* Returns 0 and what ipsec_free() frees, or -errno. */
int ipsec_list(struct netlink *xfrm, struct ipsec_policies *ret_policies);
void ipsec_free(struct ipsec_policies *policies);

unsigned int ipsec_count_of(const struct ipsec_policies *policies, unsigned int kinds);

/*
 * Blocks what the policies of these kinds match. Returns 0, also where it is blocked already;
 * -EINVAL: this kernel has no sub policies; -errno.
 */
int ipsec_block(struct netlink *xfrm, const struct ipsec_policies *policies, unsigned int kinds);

/*
 * Lifts the blocks of what has a policy that is not older than since, in seconds of
 * CLOCK_REALTIME. also_old: an older one that must encrypt will do, but none of level use,
 * for that one lets through what it cannot encrypt. ret_left: how many sub policies that
 * block are left. Returns 0 or -errno.
 */
int ipsec_lift(struct netlink *xfrm, uint64_t since, bool also_old, unsigned int *ret_left);

/*
 * Has the blocks that are left give way to policies that come later, but for those of what an
 * older policy of level use would let through meanwhile. Returns 0 or -errno.
 */
int ipsec_yield(struct netlink *xfrm);

/* Writes what a policy matches, as ip-xfrm(8) does. */
void ipsec_describe(const struct ipsec_policy *policy, char *text, size_t size);

/* Writes the command that deletes one of our own in its network name space. */
void ipsec_write_removal(const struct ipsec_policy *policy, char *text, size_t size);

#endif /* XFRM_H */
