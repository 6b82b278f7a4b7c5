/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A device that generations come from. Each kind (vmgenid.c, vmclock.c,
 * sysgenid.c) fills a table; nothing else in the library knows a device.
 */
#ifndef VMGEN_SOURCE_H
#define VMGEN_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvmgen.h"

struct source;

/* 8 bytes that lie so that they are one access, on 32-bit machines too. */
typedef uint64_t word64 __attribute__((aligned(8)));
typedef _Atomic uint64_t atomic_word64 __attribute__((aligned(8)));

/* Those that may be called in a signal handler leave errno alone. */
struct source_ops {
	/* Of vmgen_open()'s flags. */
	uint32_t device;
	const char *path;
	/* What more can be done with a descriptor that is writable. */
	bool wants_write;
	/* Checks the descriptor, maps it and sets what is below fd. */
	int (*attach)(struct source *s);
	/* Has a change settled that is under way; tells of the latest. */
	int (*look)(const struct source *s, struct vmgen_event *ret_event);
	/*
	 * NULL, or makes fd, a descriptor of the same device, that of s. Only where the device
	 * stays what it is while its pages are mapped.
	 */
	int (*rebind)(struct source *s, int fd);
	int (*wait)(const struct source *s, uint64_t known, int64_t timeout_ns,
		    struct vmgen_event *ret_event);
	/* -EAGAIN: nothing new since the last time. */
	int (*read)(struct source *s, struct vmgen_event *ret_event);
	int (*id)(const struct source *s, uint8_t ret_id[VMGEN_ID_SIZE]);
	/* Fills what the device knows into a structure of zeros. */
	int (*info)(const struct source *s, struct vmgen_info *info);
};

struct source {
	/* In page, and first, for every check needs them: (*counter & mask) + bias is the generation. */
	const word64 *counter;
	word64 mask;
	word64 bias;
	const struct source_ops *ops;
	/* A process may close it behind our back; source_rebind() changes both. */
	_Atomic int fd;
	/* Of this open file alone, where the device has such a thing; 0: none. */
	atomic_word64 cookie;
	bool writable;
	/* What fd is: a device, of which many files may be open, or a file of its own. */
	struct node {
		dev_t dev;
		ino_t ino;
		dev_t rdev;
	} node;
	/* Mapped pages; NULL: none. */
	void *page;
	void *raw_page;
	/* In page, as in an event, stored before the counter; NULL: none. */
	const uint32_t *flags;
	/* In raw_page, the ID as two words; NULL: not mapped. */
	const word64 *raw;
	/* What vmgen_info.flags tells of what this one can do. */
	uint32_t can;
	/* The generation that read() told of last, where the device keeps none. */
	atomic_word64 told;
};

extern const struct source_ops vmgenid_ops;
extern const struct source_ops vmclock_ops;
extern const struct source_ops sysgenid_ops;

int source_open(const char *path, unsigned int flags, struct source *ret_source);
/* Closes fd if it is still what was opened; sure: nobody can have closed it. */
void source_close(struct source *s, bool sure);

/*
 * Returns 0: fd is still what was opened, as far as the device can tell; -EBADF: it is
 * not; otherwise what asking failed with.
 */
int source_check(const struct source *s);

/* Opens the device once more, for its descriptor; flags and path as in source_open(). */
int source_rebind(struct source *s, const char *path, unsigned int flags);

/* Maps one page of fd for reading. */
int source_map(const struct source *s, unsigned int index, void **ret_page);
size_t source_page_size(void);

/* For sources that can only be looked at: looks now and then. */
int source_wait(const struct source *s, uint64_t known, int64_t timeout_ns,
		struct vmgen_event *ret_event);
/* For sources whose descriptor tells of more than changes: -EAGAIN for those. */
int source_read(struct source *s, struct vmgen_event *ret_event);

/* -errno; puts errno back: a signal handler that checks for a change must leave it alone. */
int source_take_errno(int saved);

/* What the generation is made of; bits beyond the mask may move without meaning. */
static inline uint64_t source_word(const struct source *s)
{
	/* Pairs with the store of what keeps the page: it comes last there. */
	return __atomic_load_n(s->counter, __ATOMIC_ACQUIRE);
}

static inline uint64_t source_generation(const struct source *s)
{
	return (source_word(s) & s->mask) + s->bias;
}

#endif /* VMGEN_SOURCE_H */
