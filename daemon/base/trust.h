/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What nobody but root can have changed: a file, and each directory above it.
 * The checks follow descriptors from the root directory down, never a path
 * twice, so nothing can be exchanged between check and use.
 */
#ifndef TRUST_H
#define TRUST_H

#include <stddef.h>
#include <sys/stat.h>

/*
 * All have ret_reason, of size bytes, which says on failure what is wrong with
 * what, and the remedy.
 */

/* what: the path, for the reason. Returns 0 or -EPERM. */
int trust_check(const struct stat *st, const char *what, char *ret_reason, size_t size);

/*
 * Opens a directory (O_PATH, close-on-exec). Returns 0; -ENOTDIR: no directory,
 * or a symbolic link; -EPERM: somebody else can change it; -errno.
 */
int trust_open_directory(const char *directory, int *ret_fd, char *ret_reason, size_t size);

/*
 * Opens a regular file that exists. path: not empty. flags: O_RDONLY or O_RDWR;
 * close-on-exec. Returns 0; -ENOENT: there is none; -EINVAL: not a regular file;
 * -ELOOP: a symbolic link; -EPERM: somebody else can change it; -errno.
 */
int trust_open(const char *path, int flags, int *ret_fd, char *ret_reason, size_t size);

#endif /* TRUST_H */
