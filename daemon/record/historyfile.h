/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The runs that finished, the latest last: a file with one JSON object per
 * line. It is rolled back with the disk, so it tells the past of this copy of
 * the system alone.
 */
#ifndef HISTORYFILE_H
#define HISTORYFILE_H

#include "record.h"

/*
 * Adds a run, in the place of the latest one if that is the same; the oldest ones
 * give way to it. state_fd: of state_open(). Returns 0: it is on disk; -EBADMSG: the file
 * is not a history; -errno.
 */
int history_add(int state_fd, const struct record *run);

/*
 * Reads it. state_dir: a path. Returns 0 and an array that the caller puts; -ENOENT: no
 * run has finished; -EBADMSG: the file is not a history; -errno.
 */
int history_read(const char *state_dir, struct json_object **ret_runs);

#endif /* HISTORYFILE_H */
