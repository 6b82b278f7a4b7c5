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
	/* The raw ID, two words; where this handle does not see it, two that never move. */
	const word64 *raw;
	/* The raw ID that has been settled. */
	word64 settled[2];
	/* What source_word() was when vmgen_changed() answered last. */
	atomic_word64 known;
	/* Of this handle alone in the life of the process. */
	word64 serial;
	struct source source;
	/* The latest generation that random bytes were vouched for in; 0: none. */
	atomic_word64 vouched;
	/* Of vmgen_reopen(), see lock.h. */
	word64 owner;
	uint32_t turn;
	/* What vmgen_open() was given; an empty path: none. */
	unsigned int flags;
	char path[];
};

static inline bool vmgen_raw_moved(const struct vmgen *v)
{
	const word64 *raw = v->raw;

	/*
	 * Pairs with vmgen_settle(): anyone who sees its ID sees the generation it stands for.
	 * Branches that are never taken cost less than adding both halves up.
	 */
	return __atomic_load_n(&raw[0], __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&v->settled[0], __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&raw[1], __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&v->settled[1], __ATOMIC_ACQUIRE);
}

/* Has a change settled that is under way, and tells of the latest. */
int vmgen_settle(struct vmgen *v, struct vmgen_event *ret_event);

/*
 * The same, without a system call where the raw ID can be seen and has not moved; then
 * the event has a generation and flags, and no more.
 */
int vmgen_look(struct vmgen *v, struct vmgen_event *ret_event);

/* Fills buf with random bytes that are of now. Returns 0 or -errno. */
typedef int vmgen_draw_fn(void *context, void *buf, size_t size);
vmgen_draw_fn vmgen_draw_kernel;

/*
 * vmgen_getrandom() with bytes of any origin, if only they are none that were made
 * before draw() was called: it is called between two looks until these agree. On
 * failure it has been called once more; buf holds zeros only if that failed too.
 */
int vmgen_draw(struct vmgen *v, vmgen_draw_fn *draw, void *context, void *buf, size_t size);

#endif /* VMGEN_VMGEN_H */
