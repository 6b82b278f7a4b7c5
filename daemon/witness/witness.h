/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * witness/: who tells of a change, and what is seen: the witness here, what it shows in
 * sighting.h, and SysGenID's side in watcher.h.
 *
 * In: a device, a clock page or the kernel's log.
 * Out: a descriptor to wait on, and sightings: a generation and the ID that goes with it.
 * Never: an answer. Nothing in here starts or reseeds anything, or writes a file; what
 * SysGenID waits for is confirmed when the caller says so.
 *
 * Who tells vmgend of changes: the device of vmgen's module; where that cannot
 * be had another one, which sees less; and at last the kernel's own log.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdbool.h>

#include "kmsg.h"
#include "libvmgen.h"

enum witness_kind {
	WITNESS_VMGENID,
	/* The same node where the host has a counter and no ID. */
	WITNESS_COUNTER,
	WITNESS_VMCLOCK,
	WITNESS_SYSGENID,
	WITNESS_KMSG,
};

/* What is lost without vmgen's module. */
enum witness_loss {
	/* There is no ID, so changes across boots are not seen. */
	WITNESS_LOSS_BOOT	= 1 << 0,
	/* Changes while vmgend is not running are not seen. */
	WITNESS_LOSS_RESTART	= 1 << 1,
	/* Programs have nothing to ask, libvmgen neither. */
	WITNESS_LOSS_PROGRAMS	= 1 << 2,
	/* Programs may draw before the kernel's generator has reseeded. */
	WITNESS_LOSS_RESEED	= 1 << 3,
};

struct witness {
	enum witness_kind kind;
	/* NULL: the kernel's log. */
	struct vmgen *device;
	int kmsg_fd;
	/* The last line of the log that told of a change; all zeros: none so far. */
	struct kmsg_line line;
};

/* Returns the word for a witness, that of VMGEN_SOURCE. */
const char *witness_name(enum witness_kind kind);

/* Returns where it is usually found. */
const char *witness_node(enum witness_kind kind);

/* Returns what is lost: a combination of enum witness_loss. */
unsigned int witness_losses(enum witness_kind kind);

/*
 * The n-th of all losses. ret_text: a sentence without a capital and a full
 * stop. Returns 0 if there is no n-th.
 */
unsigned int witness_loss(unsigned int n, const char **ret_text);

/*
 * Opens the best witness. node: what is used instead of PATH_DEVICE, and then
 * there is no other one. sysfs: GUEST_SYSFS. ret_error: 0, or why it is not the
 * device of vmgen's module: what vmgen_open() returned.
 *
 * Returns 0, and the caller passes the witness to witness_close(); or -errno,
 * that of ret_error.
 */
int witness_open(const char *node, const char *sysfs, struct witness *ret_witness, int *ret_error);

/* May be called again, and for one that is all zeros. */
void witness_close(struct witness *witness);

/* Returns a descriptor to poll; -EOPNOTSUPP: look now and then. */
int witness_fd(const struct witness *witness);

/*
 * Takes what made the descriptor readable. Returns 0: perhaps there was a
 * change; -EAGAIN: there was none; -EPIPE: nobody knows; -errno.
 */
int witness_read(struct witness *witness);

#endif /* WITNESS_H */
