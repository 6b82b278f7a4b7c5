/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The answer to what happened while vmgend was not running.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include "repair.h"

/*
 * Compares the state on disk with what the device shows, and begins what has
 * to be done: the reseed and the guards at once, the rest as soon as no hook of an
 * earlier vmgend is running.
 */
void startup_begin(struct repair *repair, const struct sighting *sighting);

/* To be called when a child has ended: it may be who waited for such hooks. */
void startup_advance(struct repair *repair);

#endif /* STARTUP_H */
