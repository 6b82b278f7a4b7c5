/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgend as a watcher of /dev/sysgenid: anyone who calls SYSGENID_WAIT_WATCHERS
 * waits until the repair is done.
 */
#ifndef WATCHER_H
#define WATCHER_H

#include <stdint.h>

#define WATCHER_NODE	"/dev/sysgenid"

/*
 * Becomes a watcher that is waited for, until the descriptor is closed; it is
 * readable while a generation is to be confirmed. Returns 0; -ENOENT: there is
 * no such device; -errno.
 */
int watcher_open(const char *node, int *ret_fd);

/* Returns 0 and a generation that is to be confirmed; -EAGAIN: none; -errno. */
int watcher_read(int fd, uint32_t *ret_generation);

/* Returns 0; -EINVAL: the generation is another one by now; -errno. */
int watcher_confirm(int fd, uint32_t generation);

#endif /* WATCHER_H */
