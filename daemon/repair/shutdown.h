/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The mark of a clean shutdown: a number that is drawn at the end, when vmgend is stopped
 * because the system goes down and nothing is left to do. It is in the record and, with
 * boot-change = counter, outside the disk, and each start takes it away. So a snapshot of
 * a system that runs has none, nor has one that crashed; and of two disks that have one,
 * only that of the last shutdown has what is outside.
 */
#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include "repair.h"

/* Is a store to be asked at a start, which may hang? */
bool shutdown_may_wait(const struct config *config, const struct state *state);

/*
 * Takes it away at a start: outside the disk at once, and in the state, which has to be
 * saved then if this returns true. May take long, so the guards have begun. run: a new
 * one, that is told what was found; NULL: none. Logs.
 */
bool shutdown_take(const struct config *config, struct state *state, struct record *run);

/* Leaves it at the end, if this is a clean shutdown. In doubt it is not. Logs. */
void shutdown_mark(const struct repair *repair, const struct witness *witness);

#endif /* SHUTDOWN_H */
