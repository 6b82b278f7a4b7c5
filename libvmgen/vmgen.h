/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is behind a handle of libvmgen.h.
 */
#ifndef VMGEN_VMGEN_H
#define VMGEN_VMGEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "source.h"

#define VMGEN_EXPORT __attribute__((visibility("default")))

/* A check needs what comes first, so it lies together: as far as source.mask. */
struct vmgen {
	/* The raw ID, two words; NULL: not seen by this handle. */
	const uint64_t *raw;
	/* The raw ID that has been settled. */
	_Atomic uint64_t settled[2];
	/* What source_word() was when vmgen_changed() answered last. */
	_Atomic uint64_t known;
	struct source source;
};

static inline bool vmgen_raw_moved(const struct vmgen *v)
{
	const uint64_t *raw = v->raw;

	/*
	 * Pairs with vmgen_settle(): whoever sees its ID sees the generation it stands for.
	 * Branches that are never taken cost less than adding both halves up.
	 */
	return raw && (__atomic_load_n(&raw[0], __ATOMIC_ACQUIRE) !=
			       atomic_load_explicit(&v->settled[0], memory_order_acquire) ||
		       __atomic_load_n(&raw[1], __ATOMIC_ACQUIRE) !=
			       atomic_load_explicit(&v->settled[1], memory_order_acquire));
}

/* Has a change settled that is under way, and tells of the latest. */
int vmgen_settle(struct vmgen *v, struct vmgen_event *ret_event);

#endif /* VMGEN_VMGEN_H */
