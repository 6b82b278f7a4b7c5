/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 10-ipsec and 50-ipsec do with IKE daemons and their SAs, and 10-ipsec-manual with those
 * that no such daemon has agreed on. Each of the three says what it does and returns the exit
 * status of a hook. drill: it changes nothing.
 */
#ifndef ASSOCIATION_H
#define ASSOCIATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keys/ike.h"
#include "keys/xfrm.h"

enum {
	NOT_APPLICABLE = 77,
	ASSOCIATION_UNITS_SIZE = 256,
	/* So many policies the log names. */
	ASSOCIATION_NAMED_MAX = 10,
};

/* Freezes the daemons, blocks what their policies match, and forgets their SAs. */
int association_stop(bool drill);

/* Forgets SAs where no daemon is known, which nobody replaces. */
int association_forget_manual(bool drill);

/* Starts what was stopped, and lifts the blocks when its policies are back. */
int association_repair(bool drill);

/* What they have in common. */

#define ASSOCIATION_LIFT	"ip xfrm policy flush ptype sub"

/* Which change the last guard belongs to, and the units that it stopped. */
struct association_note {
	uint64_t generation;
	/* When they were started again, in seconds of CLOCK_REALTIME; 0: not yet. */
	uint64_t since;
	char units[ASSOCIATION_UNITS_SIZE];	/* " a.service b.service" */
};

/* Without one, or where it cannot be read, it is empty. */
void association_read(struct association_note *ret_note);
int association_write(const struct association_note *note);
bool association_has(const struct association_note *note, const char *unit);
void association_add(struct association_note *note, const char *unit);

/* That of the change which this hook answers; by hand: that of the last guard. */
uint64_t association_generation(const struct association_note *note);

/* Called in a network name space. elsewhere: a process of that one; 0: it is this hook's own. */
typedef int association_visitor(struct netlink *xfrm, pid_t elsewhere, void *context);

/*
 * Calls visit with a socket in each network name space of the units' processes, and adds
 * those to the list. Returns 0, or the first -errno, of visit as well; -EPROTONOSUPPORT:
 * this kernel has no IPsec; -ESRCH: none of the processes is left. The other name spaces are
 * visited anyway.
 */
int association_visit(const struct ike_units *units, association_visitor *visit, void *context,
		      struct ike_namespaces *ret_namespaces);

/* Also this hook's own, with anybody in it: daemons that have ended have left blocks there. */
int association_visit_also_own(const struct ike_units *units, association_visitor *visit,
			       void *context);

/* Blocks and forgets what there is in one of them; context: struct association_blocked. */
struct association_blocked {
	/* Nobody takes away policies that must encrypt, and these drop what they cannot. */
	bool only_optional;
	unsigned int required, optional;
	/* Of the optional ones the first. */
	struct ipsec_policy named[ASSOCIATION_NAMED_MAX];
};
int association_forget(struct netlink *xfrm, struct association_blocked *blocked);

/* Adds the policies to the numbers and the names. */
void association_count(const struct ipsec_policies *policies, struct association_blocked *blocked);

/* Says where there are SAs in other name spaces than those, which the guard leaves alone. */
void association_name_manual(const struct ike_namespaces *known);

#endif /* ASSOCIATION_H */
