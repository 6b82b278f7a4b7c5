/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/vmclock0 of Linux 7.0: the page that the host keeps, mapped. So there
 * is no window, and nobody who reseeds the kernel's generator before the
 * counter moves either.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "source.h"
#include "vmclock.h"

_Static_assert(offsetof(struct vmclock_page, seq_count) == 0x0c, "UAPI.13");
_Static_assert(offsetof(struct vmclock_page, flags) == 0x18, "UAPI.13");
_Static_assert(offsetof(struct vmclock_page, counter_value) == 0x28, "UAPI.13");
_Static_assert(offsetof(struct vmclock_page, time_sec) == 0x48, "UAPI.13");
_Static_assert(offsetof(struct vmclock_page, vm_generation_counter) == 0x68, "UAPI.13");
_Static_assert(sizeof(struct vmclock_page) == 0x70, "UAPI.13");

enum {
	/* A host writes a few words; what takes longer is a host that died meanwhile. */
	DEADLINE_MS = 100,
	/* Between two looks at the clock. */
	TRIES = 1024,
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One try; false: the host was writing. */
static bool try_read(const struct vmclock_page *page, uint32_t *ret_size, uint64_t *ret_flags,
		     uint64_t *ret_counter)
{
	/* Pairs with the write barriers of the host around what it writes. */
	uint32_t seq = __atomic_load_n(&page->seq_count, __ATOMIC_ACQUIRE);

	if (seq % 2)
		return false;
	/* Not a fence before the last load: thread sanitizers do not know them. */
	*ret_size = __atomic_load_n(&page->size, __ATOMIC_ACQUIRE);
	*ret_flags = __atomic_load_n(&page->flags, __ATOMIC_ACQUIRE);
	*ret_counter = __atomic_load_n(&page->vm_generation_counter, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&page->seq_count, __ATOMIC_RELAXED) == seq;
}

int vmclock_read(const struct vmclock_page *page, size_t room, uint64_t *ret_flags,
		 uint64_t *ret_counter)
{
	uint64_t flags, counter, start = 0;
	unsigned int tries = 0;
	uint32_t size;

	if (room < sizeof(*page) ||
	    __atomic_load_n(&page->magic, __ATOMIC_RELAXED) != VMCLOCK_MAGIC ||
	    __atomic_load_n(&page->version, __ATOMIC_RELAXED) != 1)
		return -EPROTO;
	while (!try_read(page, &size, &flags, &counter)) {
		if (++tries % TRIES)
			continue;
		if (!start)
			start = now_ms();
		else if (now_ms() - start > DEADLINE_MS)
			return -ETIMEDOUT;
	}
	if (size > room)
		return -EPROTO;
	if (size < sizeof(*page) || !(flags & VMCLOCK_VM_GEN_COUNTER_PRESENT))
		return -ENODATA;
	*ret_flags = flags;
	*ret_counter = counter;
	return 0;
}

static int attach(struct source *s)
{
	const struct vmclock_page *page;
	uint64_t flags, counter;
	int r;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return -EOPNOTSUPP;
	r = source_map(s, 0, &s->page);
	if (r < 0)
		return r == -ENODEV ? -ENOTTY : r;
	page = s->page;
	r = vmclock_read(page, source_page_size(), &flags, &counter);
	if (r < 0)
		return r;
	s->counter = &page->vm_generation_counter;
	/*
	 * The host's counter may be 0, which is no generation; and with all of its
	 * bits there would be one left over that has none.
	 */
	s->mask = UINT64_MAX >> 1;
	s->bias = 1;
	s->can = VMGEN_INFO_RAW | VMGEN_INFO_EXACT;
	if (flags & VMCLOCK_NOTIFICATION_PRESENT)
		s->can |= VMGEN_INFO_EVENTS;
	return 0;
}

static int look(const struct source *s, struct vmgen_event *ret_event)
{
	uint64_t flags, counter;
	int r = vmclock_read(s->page, source_page_size(), &flags, &counter);

	if (r < 0)
		return r;
	*ret_event = (struct vmgen_event){ .generation = (counter & s->mask) + s->bias };
	return 0;
}

/* The device is readable until it was read after what the host wrote last. */
static int read_change(struct source *s, struct vmgen_event *ret_event)
{
	struct vmclock_page copy;
	int saved = errno;
	int r = source_check(s);

	if (r < 0)
		return r;
	if (pread(s->fd, &copy, sizeof(copy), 0) < 0)
		return source_take_errno(saved);
	return source_read(s, ret_event);
}

static int fill_info(const struct source *s, struct vmgen_info *info)
{
	const struct vmclock_page *page = s->page;
	struct vmgen_event event;
	int r = look(s, &event);

	if (r < 0)
		return r;
	info->version = page->version;
	info->generation = event.generation;
	if (s->can & VMGEN_INFO_EVENTS)
		info->flags |= VMGEN_INFO_NOTIFIES;
	return 0;
}

const struct source_ops vmclock_ops = {
	.device = VMGEN_VMCLOCK,
	.path = "/dev/vmclock0",
	.attach = attach,
	.look = look,
	.wait = source_wait,
	.read = read_change,
	.info = fill_info,
};
