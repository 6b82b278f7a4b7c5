/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name in a directory of root: one daemon, and one process at a time
 * that looks after a hook. A lock ends with its holder, however that ends.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Takes a lock and notes the caller's process ID in it. directory is created
 * if needed. wait: until the holder is gone. The lock lasts until ret_fd is
 * closed; it is not inherited across exec.
 *
 * Returns 0; -EWOULDBLOCK: taken, and ret_holder, which may be NULL, is the
 * holder's process ID or 0; otherwise -errno.
 */
int lock_take(const char *directory, const char *name, bool wait, int *ret_fd, pid_t *ret_holder);

#endif /* LOCK_H */
