/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The file of random bytes with which the next boot seeds the kernel's
 * generator. A clone has the one of its siblings, until it is written anew.
 */
#ifndef SEED_H
#define SEED_H

/*
 * Writes bytes that the kernel's generator gives now over the beginning of the
 * file, if there is one. To be called after a reseed that worked. Returns 0: it
 * is on disk; -ENOENT: there is none, so this system has no use for one; -EPERM:
 * it is not root's alone; -errno.
 */
int seed_refresh(const char *path);

#endif /* SEED_H */
