/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen_guard_run(): what a change makes stale is renewed once, by one thread.
 */
#include <errno.h>

#include "lock.h"
#include "vmgen.h"

enum {
	/* A machine that is cloned more often within one run is out of luck. */
	TRIES = 16,
};

_Static_assert(sizeof(struct vmgen_guard) == 64, "programs have it in structures of their own");

static inline bool is_fresh(const struct vmgen *v, const struct vmgen_guard *g)
{
	/* Pairs with note(): anyone who sees the generation sees what was renewed for it. */
	return v && __atomic_load_n(&g->handle, __ATOMIC_ACQUIRE) == v->serial &&
	       source_generation(&v->source) ==
		       __atomic_load_n(&g->generation, __ATOMIC_ACQUIRE) &&
	       !vmgen_raw_moved(v);
}

/* Where the device cannot be asked, nothing stays fresh. */
static uint64_t settled_generation(struct vmgen *v)
{
	struct vmgen_event event;

	if (!v || (vmgen_raw_moved(v) && vmgen_settle(v, &event) < 0))
		return 0;
	return source_generation(&v->source);
}

/* generation: 0 is never fresh. */
static void note(const struct vmgen *v, struct vmgen_guard *g, uint64_t generation)
{
	uint64_t serial = v ? v->serial : 0;

	if (g->handle != serial) {
		/* Nobody may take the last one's generation for this one's. */
		__atomic_store_n(&g->generation, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&g->handle, serial, __ATOMIC_RELEASE);
	}
	/* Pairs with is_fresh(). */
	__atomic_store_n(&g->generation, generation, __ATOMIC_RELEASE);
}

static int renew(struct vmgen *v, struct vmgen_guard *g, int (*run)(void *arg), void *arg)
{
	uint64_t generation;
	int tries;
	int r;

	for (tries = 0; tries < TRIES; tries++) {
		generation = settled_generation(v);
		/* The raw ID was lost, or a slower thread has noted the one before. */
		if (generation && generation == g->generation && v->serial == g->handle)
			return tries > 0;
		r = run(arg);
		if (r)
			return r < 0 ? r : -EIO;
		note(v, g, generation);
		if (!generation || is_fresh(v, g))
			return 1;
	}
	return -EAGAIN;
}

/* Out of the way of those to whom nothing happened. */
__attribute__((noinline, cold)) static int make_fresh(struct vmgen *v, struct vmgen_guard *g,
						      unsigned int flags, int (*run)(void *arg),
						      void *arg)
{
	const bool wait = !(flags & VMGEN_GUARD_NOWAIT);
	/* It lies so, but its type does not say it. */
	word64 *owner = (word64 *)&g->owner;
	int r = lock_take(owner, &g->turn, wait);

	while (r > 0 && !is_fresh(v, g))
		r = lock_take(owner, &g->turn, wait);
	/* Another thread has been faster, or this one must not wait for it. */
	if (r)
		return r > 0 ? 0 : r;
	r = is_fresh(v, g) ? 0 : renew(v, g, run, arg);
	lock_release(owner, &g->turn);
	return r;
}

VMGEN_EXPORT int vmgen_guard_run(struct vmgen *v, struct vmgen_guard *g, unsigned int flags,
				 int (*run)(void *arg), void *arg)
{
	if (!g || !run || (flags & ~VMGEN_GUARD_NOWAIT))
		return -EINVAL;
	return __builtin_expect(is_fresh(v, g), 1) ? 0 : make_fresh(v, g, flags, run, arg);
}
