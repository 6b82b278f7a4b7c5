/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name in a directory of root: one for the daemon, one for it and all
 * hooks that it started, and one for each guard. A lock ends when the last process that has its
 * descriptor is gone, however that ends.
 */
#ifndef LOCK_H
#define LOCK_H

#include <sys/types.h>

/*
 * Opens a lock, close-on-exec, without taking it. directory is created if
 * needed. Returns 0 or -errno.
 */
int lock_open(const char *directory, const char *name, int *ret_fd);

/*
 * Takes a lock and notes the caller's process ID in it. Returns 0;
 * -EWOULDBLOCK: taken, and ret_holder, which may be NULL, is the process ID of
 * who took it, or 0; otherwise -errno.
 */
int lock_take(int fd, pid_t *ret_holder);

/* The same, and tries for so long. Returns 0; -EWOULDBLOCK; otherwise -errno. */
int lock_take_within(int fd, int timeout_ms);

/*
 * Shares a lock with others who do: nobody can take it then. A process that has
 * taken it gives that up. Returns 0; -EWOULDBLOCK: somebody has taken it; or -errno.
 */
int lock_share(int fd);

/*
 * Finds who holds a lock, without touching it. Returns 0; -ESRCH: nobody;
 * otherwise -errno, -EACCES for all but root.
 */
int lock_holder(const char *directory, const char *name, pid_t *ret_holder);

/*
 * Forks a child that ends when it has taken the lock, which then is the
 * caller's as well. It dies with the caller. Returns 0 or -errno.
 */
int lock_wait(int fd, pid_t *ret_child);

#endif /* LOCK_H */
