/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where the bytes come from: the kernel, checked against the device if the
 * machine has one.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct handle;

struct device {
	/* The latest one; NULL: there was no device when the provider was loaded. */
	_Atomic(struct handle *) handle;
};

void device_open(struct device *device);
void device_close(struct device *device);

/*
 * Fills buf with bytes from getrandom(2); where there is a device, as
 * vmgen_getrandom() does. Takes no lock.
 *
 * Returns 0; -EIO: the kernel could not reseed after a change; -EAGAIN: the
 * machine is being cloned faster than it can draw; otherwise what asking the
 * device, or getrandom(2), failed with. On failure buf holds zeros.
 */
int device_draw(struct device *device, void *buf, size_t size);

/*
 * Returns a number that differs after each change; 0: it cannot be told. Without
 * a device it is always 1.
 */
uint64_t device_generation(struct device *device);

#endif /* DEVICE_H */
