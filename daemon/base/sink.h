/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where the log goes. Nobody who takes it is waited for: one that hangs, and all
 * that waits for it, would hold up the answer to a change.
 */
#ifndef SINK_H
#define SINK_H

#include <stddef.h>

/*
 * Writes a text of no more than PIPE_BUF bytes to a descriptor, as a whole or not at all;
 * only a terminal may get a part. Only a file can hold this up, as long as its disk does.
 * Returns 0 or -errno; -EAGAIN: there is no room.
 */
int sink_write(int fd, const char *text, size_t size);

/*
 * Sends a message to a socket in the file system, a datagram where it takes those, else
 * ended with a NUL byte. Returns 0 or -errno; -EAGAIN: there is no room.
 */
int sink_send(const char *path, const char *text, size_t size);

#endif /* SINK_H */
