/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The functions of libvmgen.h on handles and their generations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lock.h"
#include "vmgen.h"

enum {
	/* Of the first release; the structures only grow. */
	INFO_SIZE_VER1 = 104,
	EVENT_SIZE_VER1 = 24,
	/* Of a device that has nothing to read after a change was settled. */
	START_TRIES = 16,
};

/*
 * The raw ID is noted before the kernel looks at it, so that one that comes in
 * between is seen next time.
 */
int vmgen_settle(struct vmgen *v, struct vmgen_event *ret_event)
{
	uint64_t half[2] = {
		__atomic_load_n(&v->raw[0], __ATOMIC_ACQUIRE),
		__atomic_load_n(&v->raw[1], __ATOMIC_ACQUIRE),
	};
	int r;

	r = v->source.ops->look(&v->source, ret_event);
	if (r < 0 || !v->source.raw)
		return r;
	/* No ID: another device's may be used, of which this page tells nothing. So ask always. */
	if (half[0] == half[1] && (!half[0] || !~half[0]))
		half[0] = ~half[0];
	/* Pairs with vmgen_raw_moved(). */
	__atomic_store_n(&v->settled[0], half[0], __ATOMIC_RELEASE);
	__atomic_store_n(&v->settled[1], half[1], __ATOMIC_RELEASE);
	return 0;
}

int vmgen_look(struct vmgen *v, struct vmgen_event *ret_event)
{
	if (!v->source.raw || vmgen_raw_moved(v))
		return vmgen_settle(v, ret_event);
	*ret_event = (struct vmgen_event){
		.generation = source_generation(&v->source),
		.flags = __atomic_load_n(v->source.flags, __ATOMIC_RELAXED),
	};
	return 0;
}

/*
 * The time, because a copy of the library that was unloaded counted as well: what it has
 * opened before may be in a guard.
 */
static uint64_t next_serial(void)
{
	static atomic_word64 latest;
	uint64_t before = atomic_load(&latest);
	struct timespec now;
	uint64_t serial;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	do {
		serial = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
		serial = serial > before ? serial : before + 1;
	} while (!atomic_compare_exchange_weak(&latest, &before, serial));
	return serial;
}

/* Takes the generation of now, so that only a change makes the descriptor readable. */
static int start(struct vmgen *v)
{
	struct vmgen_event event;
	int r = -EAGAIN;
	int tries;

	for (tries = 0; r == -EAGAIN && tries < START_TRIES; tries++) {
		r = vmgen_settle(v, &event);
		if (r == 0)
			r = v->source.ops->read(&v->source, &event);
	}
	if (r < 0)
		return r == -EAGAIN ? -EPROTO : r;
	atomic_store(&v->known, event.generation - v->source.bias);
	return 0;
}

VMGEN_EXPORT int vmgen_open(const char *path, unsigned int flags, struct vmgen **ret_v)
{
	static const word64 none[2];
	size_t size = path ? strlen(path) + 1 : 1;
	struct vmgen *v;
	int r;

	if (!ret_v)
		return -EINVAL;
	v = calloc(1, sizeof(*v) + size);
	if (!v)
		return -ENOMEM;
	r = source_open(path, flags, &v->source);
	if (r < 0)
		goto fail;
	v->raw = v->source.raw ? v->source.raw : none;
	v->serial = next_serial();
	v->flags = flags;
	memcpy(v->path, path ? path : "", size);
	r = start(v);
	if (r < 0)
		goto fail_source;
	*ret_v = v;
	return 0;

fail_source:
	source_close(&v->source, true);
fail:
	free(v);
	return r;
}

VMGEN_EXPORT int vmgen_reopen(struct vmgen *v)
{
	int r;

	if (!v)
		return -EINVAL;
	do
		r = lock_take(&v->owner, &v->turn, true);
	while (r > 0);
	if (r < 0)
		return r;
	r = source_check(&v->source);
	if (r == -EBADF)
		r = source_rebind(&v->source, v->path[0] ? v->path : NULL, v->flags);
	lock_release(&v->owner, &v->turn);
	return r;
}

VMGEN_EXPORT struct vmgen *vmgen_close(struct vmgen *v)
{
	if (!v)
		return NULL;
	source_close(&v->source, false);
	free(v);
	return NULL;
}

/*
 * One caller is told of a generation. Anyone who loses the race looks again, so
 * known is never put back to what came before.
 */
static bool learn(struct vmgen *v)
{
	uint64_t known = atomic_load(&v->known);

	for (;;) {
		uint64_t now = source_word(&v->source);

		if (now == known)
			return false;
		if (atomic_compare_exchange_weak(&v->known, &known, now))
			return (now ^ known) & v->source.mask;
	}
}

VMGEN_EXPORT bool vmgen_changed_now(struct vmgen *v)
{
	struct vmgen_event event;

	return !v || vmgen_settle(v, &event) < 0 || learn(v);
}

/* Out of the way of those to whom nothing happened. */
__attribute__((noinline, cold)) static bool find_out(struct vmgen *v)
{
	/* What the kernel shows has been settled; only the hypervisor's page is ahead of it. */
	return !v || vmgen_raw_moved(v) ? vmgen_changed_now(v) : learn(v);
}

VMGEN_EXPORT bool vmgen_changed(struct vmgen *v)
{
	if (__builtin_expect(!v || vmgen_raw_moved(v) ||
			     source_word(&v->source) !=
				     atomic_load_explicit(&v->known, memory_order_relaxed), 0))
		return find_out(v);
	return false;
}

VMGEN_EXPORT uint64_t vmgen_generation(const struct vmgen *v)
{
	return v ? source_generation(&v->source) : 0;
}

VMGEN_EXPORT int vmgen_settled(struct vmgen *v, uint64_t *ret_generation)
{
	struct vmgen_event event;
	int r;

	if (!v || !ret_generation)
		return -EINVAL;
	if (!(v->source.can & VMGEN_INFO_EXACT))
		return -EOPNOTSUPP;
	r = vmgen_look(v, &event);
	if (r == 0)
		*ret_generation = event.generation;
	return r;
}

/* The caller's structure may be older or newer than ours. */
static void hand_over(void *ret, size_t size, const void *own, size_t own_size)
{
	memset(ret, 0, size);
	memcpy(ret, own, size < own_size ? size : own_size);
}

VMGEN_EXPORT int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	struct vmgen_event event;
	int r;

	_Static_assert(sizeof(event) == EVENT_SIZE_VER1, "the first release's");
	if (!v || !ret_event || size < EVENT_SIZE_VER1)
		return -EINVAL;
	r = v->source.ops->wait(&v->source, 0, 0, &event);
	if (r == 0)
		hand_over(ret_event, size, &event, sizeof(event));
	return r;
}

VMGEN_EXPORT int vmgen_wait(struct vmgen *v, uint64_t known, int64_t timeout_ns,
			    uint64_t *ret_generation)
{
	struct vmgen_event event;
	int r;

	if (!v || !ret_generation)
		return -EINVAL;
	r = v->source.ops->wait(&v->source, known, timeout_ns, &event);
	if (r < 0)
		return r;
	*ret_generation = event.generation;
	return 0;
}

VMGEN_EXPORT int vmgen_fd(const struct vmgen *v)
{
	if (!v)
		return -EINVAL;
	return v->source.can & VMGEN_INFO_EVENTS ? v->source.fd : -EOPNOTSUPP;
}

VMGEN_EXPORT int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	struct vmgen_event event;
	int r;

	if (!v || !ret_event || size < EVENT_SIZE_VER1)
		return -EINVAL;
	r = v->source.ops->read(&v->source, &event);
	if (r == 0)
		hand_over(ret_event, size, &event, sizeof(event));
	return r;
}

VMGEN_EXPORT int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	if (!v || !ret_id)
		return -EINVAL;
	return v->source.ops->id ? v->source.ops->id(&v->source, ret_id) : -EOPNOTSUPP;
}

VMGEN_EXPORT int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	struct vmgen_info info = { 0 };
	int r;

	_Static_assert(sizeof(info) == INFO_SIZE_VER1, "the first release's");
	if (!v || !ret_info || size < INFO_SIZE_VER1)
		return -EINVAL;
	r = v->source.ops->info(&v->source, &info);
	if (r < 0)
		return r;
	info.device = v->source.ops->device;
	info.flags |= v->source.can;
	hand_over(ret_info, size, &info, sizeof(info));
	return 0;
}
