/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl image prepare leaves in a system that is made to be copied: a mark
 * of the machine that it was made on. A machine that boots it with another ID is a copy.
 */
#ifndef IMAGEFILE_H
#define IMAGEFILE_H

#include "base/hash.h"
#include "machine.h"

struct image {
	/* Of the original's ID; empty: it had none. */
	char id_hash[HASH_SIZE];
	struct machine machine;
};

/*
 * state_fd: of state_open(). Returns 0; -ENOENT: this is no image; otherwise -errno,
 * and ret_reason points to text that says why the mark cannot be used.
 */
int image_read(int state_fd, struct image *ret_image, const char **ret_reason);

/* Returns 0: it is on disk; or -errno. */
int image_write(int state_fd, const struct image *image);

/* Returns 0: it is off the disk; -ENOENT is none; or -errno. */
int image_remove(int state_fd);

/* Is a machine with this ID a copy? */
bool image_is_copy(const struct image *image, const char *id_hash);

#endif /* IMAGEFILE_H */
