/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which file systems can be read without waiting for a stranger: not those whose
 * server is a program or another machine.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mounts {
	struct {
		unsigned int id;
		dev_t dev;
		/* A stack has what lies below it, and anybody may build one. */
		bool plain, stacked;
	} *list;
	size_t n;
};

/*
 * Reads the mounts that this program sees, of at most limit bytes in the list. Returns
 * 0 and what the caller clears, or -errno; -EFBIG.
 */
int mounts_read_own(size_t limit, struct mounts *ret_mounts);

void mounts_clear(struct mounts *mounts);

/*
 * Can this file be opened and read? fd: O_PATH; nothing is asked of its file system.
 * own: mounts that this program sees; proc_fd: of the process that sees the file.
 */
bool mounts_trusted(const struct mounts *own, int proc_fd, int fd);

#endif /* MOUNTS_H */
