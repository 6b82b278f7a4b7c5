/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Reads /proc/PID/smaps, the only place where Linux tells which mappings are wiped at
 * fork(2). The process chooses the names in there. It cannot make a line of its own: the
 * kernel writes a newline in a path as \012, and takes none for an anonymous mapping. So
 * a line is taken for what stands at its place, never for what it looks like.
 */
#ifndef SMAPS_H
#define SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smaps_mapping {
	uint64_t start, end;
	bool readable, writable, executable, shared;
	/* Of the file, and where in it; an inode of 0: there is none. */
	uint64_t device, inode, offset;
	/* No file, and no mapping of the kernel's such as the stack. */
	bool anonymous;
	/* The file calls itself sysgenid, wherever it is. */
	bool sysgenid;
	/* Wiped at fork(2); dropped when memory is short, as that of the vDSO is. */
	bool wiped, droppable;
};

/* Longer lines are paths, of which only the end is looked at. */
enum { SMAPS_LINE_SIZE = 256 };

/* All zero at the beginning of a file. */
struct smaps {
	char line[SMAPS_LINE_SIZE];
	/* Of the whole line, which may be longer. */
	size_t length;
	/* A header was read, and its flags were not. */
	bool begun;
	struct smaps_mapping mapping;
};

/*
 * Takes the next bytes of the file, and has each mapping told as soon as it is read; what
 * that returns ends it, unless it is 0. Returns 0; -EBADMSG: the kernel writes no such
 * file; or what found has returned.
 */
int smaps_take(struct smaps *smaps, const char *text, size_t size,
	       int (*found)(void *context, const struct smaps_mapping *mapping), void *context);

#endif /* SMAPS_H */
