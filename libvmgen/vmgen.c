/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The functions of libvmgen.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "device.h"
#include "libvmgen.h"

#define VMGEN_EXPORT __attribute__((visibility("default")))

enum {
	/* A machine that is cloned more often within one draw is out of luck. */
	DRAW_TRIES = 16,
	/* Of the first release; the structure only grows. */
	INFO_SIZE_VER1 = 96,
};

struct vmgen {
	struct device device;
	/* What vmgen_changed() has answered for. */
	_Atomic uint64_t known;
	/* The raw ID that the kernel has settled; only where it is mapped. */
	_Atomic uint64_t settled[2];
};

static struct vmgen_event event_of(const struct vmgenid_record *record)
{
	return (struct vmgen_event){
		.generation = record->generation,
		.changed_boottime_ns = record->changed_boottime_ns,
		.source = record->source,
		.flags = record->flags & (VMGENID_RNG_STALE | VMGENID_NO_ID),
	};
}

static bool raw_moved(struct vmgen *v)
{
	struct device_id id;

	if (!v->device.raw)
		return false;
	id = device_raw_id(&v->device);
	/* Pairs with settle(): whoever sees its ID sees the generation it stands for. */
	return id.half[0] != atomic_load_explicit(&v->settled[0], memory_order_acquire) ||
	       id.half[1] != atomic_load_explicit(&v->settled[1], memory_order_acquire);
}

/*
 * Has the kernel look at the ID and settle a change. The raw ID is noted
 * before, so that one that comes in between is seen next time.
 */
static int settle(struct vmgen *v, struct vmgenid_record *ret_record)
{
	struct device_id id = { { 0, 0 } };
	int r;

	if (v->device.raw)
		id = device_raw_id(&v->device);
	do
		r = device_wait(&v->device, 0, 0, ret_record);
	while (r == -EINTR);
	if (r < 0)
		return r;
	/* Pairs with raw_moved(). */
	atomic_store_explicit(&v->settled[0], id.half[0], memory_order_release);
	atomic_store_explicit(&v->settled[1], id.half[1], memory_order_release);
	return 0;
}

/* Returns whether random bytes can be vouched for: 0, -EIO or -ENODATA. */
static int judge(uint32_t flags)
{
	if (flags & VMGENID_NO_ID)
		return -ENODATA;
	return flags & VMGENID_RNG_STALE ? -EIO : 0;
}

/* The settled generation of now; without a system call where the raw ID can be seen. */
static int look(struct vmgen *v, uint64_t *ret_generation)
{
	struct vmgenid_record record;
	uint64_t generation;
	int r;

	if (v->device.raw && !raw_moved(v)) {
		generation = device_generation(&v->device);
		r = judge(device_flags(&v->device));
	} else {
		r = settle(v, &record);
		if (r == 0)
			r = judge(record.flags);
		generation = record.generation;
	}
	if (r == 0)
		*ret_generation = generation;
	return r;
}

VMGEN_EXPORT int vmgen_open(const char *path, unsigned int flags, struct vmgen **ret_v)
{
	struct vmgenid_record record;
	struct vmgen *v;
	int r;

	if (flags)
		return -EINVAL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r = device_open(path ? path : "/dev/vmgenid", &v->device);
	if (r < 0)
		goto fail;
	/* Takes the generation of now, so that only a change makes the fd readable. */
	do {
		r = settle(v, &record);
		if (r == 0)
			r = device_read(&v->device, &record);
	} while (r == -EAGAIN);
	if (r < 0)
		goto fail_device;
	atomic_store(&v->known, record.generation);
	*ret_v = v;
	return 0;

fail_device:
	device_close(&v->device);
fail:
	free(v);
	return r;
}

VMGEN_EXPORT struct vmgen *vmgen_close(struct vmgen *v)
{
	if (!v)
		return NULL;
	device_close(&v->device);
	free(v);
	return NULL;
}

/* One caller is told of a generation, and known never goes back. */
static bool learn(struct vmgen *v, uint64_t generation)
{
	uint64_t known = atomic_load(&v->known);

	while (known < generation)
		if (atomic_compare_exchange_weak(&v->known, &known, generation))
			return true;
	return false;
}

VMGEN_EXPORT bool vmgen_changed_now(struct vmgen *v)
{
	struct vmgenid_record record;

	return settle(v, &record) < 0 || learn(v, record.generation);
}

VMGEN_EXPORT bool vmgen_changed(struct vmgen *v)
{
	uint64_t known = atomic_load_explicit(&v->known, memory_order_relaxed);

	if (__builtin_expect(device_generation(&v->device) == known && !raw_moved(v), 1))
		return false;
	return vmgen_changed_now(v);
}

VMGEN_EXPORT uint64_t vmgen_generation(const struct vmgen *v)
{
	return device_generation(&v->device);
}

VMGEN_EXPORT int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event)
{
	struct vmgenid_record record;
	int r = device_wait(&v->device, 0, 0, &record);

	if (r < 0)
		return r;
	*ret_event = event_of(&record);
	return 0;
}

VMGEN_EXPORT int vmgen_wait(struct vmgen *v, uint64_t known, int64_t timeout_ns,
			    uint64_t *ret_generation)
{
	struct vmgenid_record record;
	int r = device_wait(&v->device, known, timeout_ns, &record);

	if (r < 0)
		return r;
	*ret_generation = record.generation;
	return 0;
}

VMGEN_EXPORT int vmgen_fd(const struct vmgen *v)
{
	return v->device.fd;
}

VMGEN_EXPORT int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event)
{
	struct vmgenid_record record;
	int r = device_read(&v->device, &record);

	if (r < 0)
		return r;
	*ret_event = event_of(&record);
	return 0;
}

VMGEN_EXPORT int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	struct vmgenid_info info;
	int r = device_info(&v->device, &info);

	if (r < 0)
		return r;
	if (!(info.flags & VMGENID_INFO_ID_SHOWN))
		return -EPERM;
	if (!(info.flags & VMGENID_INFO_ID_VALID))
		return -ENODATA;
	memcpy(ret_id, info.id, VMGEN_ID_SIZE);
	return 0;
}

VMGEN_EXPORT int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	struct vmgenid_info device;
	struct vmgen_info info;
	int r;

	_Static_assert(sizeof(info) == INFO_SIZE_VER1, "the first release's");
	if (size < INFO_SIZE_VER1)
		return -EINVAL;
	r = device_info(&v->device, &device);
	if (r < 0)
		return r;
	info = (struct vmgen_info){
		.flags = device.flags & (VMGENID_INFO_INTREE | VMGENID_INFO_NOTIFIES |
					 VMGENID_INFO_ID_VALID | VMGENID_INFO_ID_UNTRUSTED),
		.version = device.version,
		.generation = device.generation,
		.changes = device.changes,
		.spurious_notifies = device.spurious_notifies,
		.found_by_call = device.found_by_call,
		.found_by_resume = device.found_by_resume,
		.found_by_timer = device.found_by_timer,
		.lost_ids = device.lost_ids,
	};
	if (v->device.raw)
		info.flags |= VMGEN_INFO_RAW;
	memcpy(info.hid, device.hid, sizeof(info.hid) - 1);
	memset(ret_info, 0, size);
	memcpy(ret_info, &info, size < sizeof(info) ? size : sizeof(info));
	return 0;
}

static int draw(void *buf, size_t size)
{
	int saved = errno;
	size_t done = 0;
	ssize_t n;
	int r;

	while (done < size) {
		n = getrandom((char *)buf + done, size - done, 0);
		if (n < 0 && errno != EINTR) {
			r = -errno;
			errno = saved;
			return r;
		}
		done += n < 0 ? 0 : (size_t)n;
	}
	errno = saved;
	return 0;
}

VMGEN_EXPORT int vmgen_getrandom(struct vmgen *v, void *buf, size_t size)
{
	uint64_t before, after;
	int tries;
	int r;

	r = look(v, &before);
	for (tries = 0; r == 0 && tries < DRAW_TRIES; tries++) {
		r = draw(buf, size);
		if (r == 0)
			r = look(v, &after);
		if (r < 0)
			break;
		if (after == before)
			return 0;
		before = after;
	}
	explicit_bzero(buf, size);
	return r < 0 ? r : -EAGAIN;
}
