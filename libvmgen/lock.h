/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A lock of our own, because it has to survive what a mutex does not: a fork() while
 * another thread holds it, and a signal handler on the thread that holds it. Its value
 * is who holds it: a thread of a process, each of which goes on with memory of its own.
 */
#ifndef VMGEN_LOCK_H
#define VMGEN_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

/*
 * All zeros: nobody holds it. wait: for another thread that does.
 *
 * Returns 0: this thread has it now; 1: another one had it; -EBUSY: another one has, and
 * is not waited for, or this very one has, further up its stack.
 */
int lock_take(word64 *owner, uint32_t *turn, bool wait);
void lock_release(word64 *owner, uint32_t *turn);

#endif /* VMGEN_LOCK_H */
