/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where a directory lies on its disk. What is not in a directory the kernel
 * must look for there, so a file that is not there hangs with the disk: each
 * program looks for /etc/ld.so.preload first.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <stddef.h>
#include <stdint.h>

struct blocks {
	uint64_t offset, size;
};

/* As much as that of a directory; in bytes, with some hundred for a file. */
enum { BLOCKS_MAX = 32, BLOCKS_MAX_BYTES = 1 << 20 };

/*
 * Tells where a directory lies, and opens the device to read. directory: may be
 * O_PATH. The caller closes the device.
 *
 * Returns how many parts; -EOPNOTSUPP: not on ext2 to ext4, the others have no
 * pages of a directory that could be kept; -EFBIG; or -errno.
 */
int blocks_of(int directory, struct blocks ret_blocks[BLOCKS_MAX], int *ret_device);

#endif /* BLOCKS_H */
