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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvmgen.h"
#include "stream.h"

struct device {
	/* The latest one; NULL: it could not be opened yet. */
	_Atomic(struct vmgen *) v;
	/* There was no device when that could be told for the first time. */
	_Atomic bool missing;
	struct cipher cipher;
};

/* core: that of the provider, for the cipher. */
void device_open(struct device *device, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core);
void device_close(struct device *device);

/*
 * Fills buf with bytes from getrandom(2), or what they are expanded to; where there is
 * a device, as vmgen_getrandom() does. Takes no lock.
 *
 * Returns 0; -EIO: the kernel could not reseed after a change; -EAGAIN: the
 * machine is being cloned faster than it can draw; otherwise what asking the
 * device, or getrandom(2), failed with. On failure buf holds bytes that nobody
 * vouches for, and zeros only if getrandom(2) itself failed. stream: of the device's cipher.
 */
int device_draw(struct device *device, struct stream *stream, void *buf, size_t size);

/*
 * Returns a number that differs after each change; 0: it cannot be told. Without
 * a device it is always 1.
 */
uint64_t device_generation(struct device *device);

#endif /* DEVICE_H */
