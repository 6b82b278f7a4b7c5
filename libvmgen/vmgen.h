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

struct vmgen {
	/* The raw ID that has been settled. */
	_Atomic uint64_t settled[2];
	/* The raw ID; without one two words that never move, so that a check needs no branch. */
	const uint64_t *raw;
	/* The generation that vmgen_changed() has answered for. */
	_Atomic uint64_t known;
	struct source source;
};

static inline bool vmgen_raw_moved(const struct vmgen *v)
{
	uint64_t half[2] = {
		__atomic_load_n(&v->raw[0], __ATOMIC_ACQUIRE),
		__atomic_load_n(&v->raw[1], __ATOMIC_ACQUIRE),
	};

	/* Pairs with vmgen_settle(): whoever sees its ID sees the generation it stands for. */
	half[0] ^= atomic_load_explicit(&v->settled[0], memory_order_acquire);
	half[1] ^= atomic_load_explicit(&v->settled[1], memory_order_acquire);
	return half[0] | half[1];
}

/* Has a change settled that is under way, and tells of the latest. */
int vmgen_settle(struct vmgen *v, struct vmgen_event *ret_event);

#endif /* VMGEN_VMGEN_H */
