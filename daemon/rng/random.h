/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * rng/: what a change means for random numbers: the kernel's generator here, and the
 * seed file of the next boot in seed.h.
 *
 * In: the generation ID, and what a hardware generator gives in time.
 * Out: a kernel that has mixed it in and reseeded, or why it has not; a new seed file.
 * Never: a wait for hardware that does not answer, or numbers of our own making.
 *
 * The kernel's random number generator after a change: gives it what this
 * machine alone has, and makes it start afresh.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "libvmgen.h"

#define RANDOM_DEVICE		"/dev/urandom"
#define RANDOM_HARDWARE		"/dev/hwrng"

/*
 * Mixes in the clocks, bytes of the hardware generator, where there is one that
 * answers in time, and the ID; then forces the reseed. id may be NULL.
 * ret_hardware: how many bytes the hardware gave; set also on failure.
 *
 * Returns 0: the kernel has reseeded. -ENODATA: its generator was never
 * seeded, so there is nothing to renew; -EAGAIN: its pool holds too little for
 * a reseed; -EPERM; otherwise what open(2) or ioctl(2) failed with.
 */
int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware);

#endif /* RANDOM_H */
