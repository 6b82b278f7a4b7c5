/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The file of random bytes with which the next boot seeds the kernel's
 * generator. A clone has the one of its siblings, until it is written again.
 */
#ifndef SEED_H
#define SEED_H

enum { SEED_REASON_SIZE = 512 };

/*
 * Writes bytes that the kernel's generator gives now over the file, if there is
 * one. To be called after a reseed that worked. Returns 0: it is on disk;
 * -ENOENT: there is none, or an empty one, so the next boot has no use for it; or
 * -errno and ret_reason: -EINVAL: it is something else than a seed, and was left as it is;
 * -EPERM: it is not root's alone; -errno.
 */
int seed_refresh(const char *path, char ret_reason[SEED_REASON_SIZE]);

#endif /* SEED_H */
