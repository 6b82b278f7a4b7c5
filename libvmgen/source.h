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
	const uint64_t *counter;
	uint64_t mask;
	uint64_t bias;
	const struct source_ops *ops;
	int fd;
	bool writable;
	/* What fd was when it was opened: a process may close it behind our back. */
	dev_t node_dev;
	ino_t node_ino;
	dev_t node_rdev;
	/* Mapped pages; NULL: none. */
	void *page;
	void *raw_page;
	/* In page, as in an event, stored before the counter; NULL: none. */
	const uint32_t *flags;
	/* In raw_page, the ID as two words; NULL: not mapped. */
	const uint64_t *raw;
	/* What vmgen_info.flags tells of what this one can do. */
	uint32_t can;
	/* The generation that read() told of last, where the device keeps none. */
	_Atomic uint64_t told;
};

extern const struct source_ops vmgenid_ops;
extern const struct source_ops vmclock_ops;
extern const struct source_ops sysgenid_ops;

int source_open(const char *path, unsigned int flags, struct source *ret_source);
void source_close(struct source *s);

/* Whether fd is still what was opened. */
bool source_is_open(const struct source *s);

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
	/* Pairs with the store of whoever keeps the page: it comes last there. */
	return __atomic_load_n(s->counter, __ATOMIC_ACQUIRE);
}

static inline uint64_t source_generation(const struct source *s)
{
	return (source_word(s) & s->mask) + s->bias;
}

#endif /* VMGEN_SOURCE_H */
