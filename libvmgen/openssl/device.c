/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The device in a program that knows nothing of it, and may close what it has
 * not opened itself.
 */
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmgen.h"

/*
 * Other threads may be using a handle while it is replaced, and nothing tells when
 * the last of them is done, so it stays: two pages, whose descriptor is gone.
 */
struct handle {
	struct vmgen *v;
	struct handle *replaced;
};

/* Only this kind says when the kernel has reseeded; the others would add nothing. */
static int handle_open(struct handle **ret_handle)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	int r = handle ? vmgen_open(NULL, VMGEN_VMGENID, &handle->v) : -ENOMEM;

	if (r < 0) {
		free(handle);
		return r;
	}
	*ret_handle = handle;
	return 0;
}

static void handle_close(struct handle *handle)
{
	vmgen_close(handle->v);
	free(handle);
}

/* All else that opening fails with says that there is one, and that it cannot be asked. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ENXIO || r == -ENODEV ||
	       /* Another one, of the same name. */
	       r == -ENOTTY;
}

void device_open(struct device *device, const OSSL_CORE_HANDLE *core_handle, const OSSL_DISPATCH *core)
{
	struct handle *handle = NULL;
	int saved = errno;

	atomic_store(&device->missing, is_none(handle_open(&handle)));
	atomic_store(&device->handle, handle);
	cipher_open(&device->cipher, core_handle, core);
	errno = saved;
}

void device_close(struct device *device)
{
	struct handle *handle = atomic_exchange(&device->handle, NULL);
	struct handle *next;

	for (; handle; handle = next) {
		next = handle->replaced;
		handle_close(handle);
	}
	cipher_close(&device->cipher);
}

/*
 * Without a lock, which a child would inherit from a thread that it does not have.
 * Returns 0, or what opening the device anew failed with.
 */
static int replace(struct device *device, struct handle **handle)
{
	struct handle *old = *handle, *new = atomic_load(&device->handle);
	int r;

	if (new == old) {
		r = handle_open(&new);
		if (r < 0)
			return r;
		new->replaced = old;
		if (!atomic_compare_exchange_strong(&device->handle, &old, new)) {
			handle_close(new);
			new = old;
		}
	}
	*handle = new;
	return 0;
}

/* The program closed the descriptor, or it is now another file's. */
static bool is_lost(const struct handle *handle)
{
	struct vmgen_event event;

	return vmgen_settle(handle->v, &event) < 0;
}

/* No device, one without an ID, or FIPS mode: the kernel is all there is. */
static bool is_unvouched(int r)
{
	return r == -ENODATA || r == -EOPNOTSUPP;
}

/* What could not be opened when the provider was loaded is tried again. */
static int find(struct device *device, struct handle **ret_handle)
{
	int r = 0;

	*ret_handle = atomic_load(&device->handle);
	if (*ret_handle)
		return 0;
	if (!atomic_load(&device->missing))
		r = replace(device, ret_handle);
	if (is_none(r))
		atomic_store(&device->missing, true);
	return atomic_load(&device->missing) ? -ENODATA : r;
}

/* r: why nobody can vouch for them. */
static int draw_unchecked(struct stream *stream, int r, void *buf, size_t size)
{
	int failure = size ? stream_draw(stream, buf, size) : 0;

	if (failure < 0)
		explicit_bzero(buf, size);
	return failure < 0 ? failure : r;
}

static int draw_checked(struct device *device, struct stream *stream, void *buf, size_t size)
{
	struct handle *handle;
	int r = find(device, &handle);

	if (r < 0)
		return draw_unchecked(stream, r, buf, size);
	r = vmgen_draw(handle->v, stream_draw, stream, buf, size);
	if (!r || is_unvouched(r) || r == -EIO || r == -EAGAIN || !is_lost(handle))
		return r;
	if (replace(device, &handle) < 0)
		return r;
	return vmgen_draw(handle->v, stream_draw, stream, buf, size);
}

int device_draw(struct device *device, struct stream *stream, void *buf, size_t size)
{
	int saved = errno;
	int r = draw_checked(device, stream, buf, size);

	errno = saved;
	return is_unvouched(r) ? 0 : r;
}

uint64_t device_generation(struct device *device)
{
	struct handle *handle;
	int saved = errno;
	int r;

	/* Has a change settled that is under way. */
	r = draw_checked(device, NULL, NULL, 0);
	errno = saved;
	if (r < 0 && !is_unvouched(r))
		return 0;
	/* Changes are told also where nobody vouches for the bytes: a new seed beats an old one. */
	handle = atomic_load(&device->handle);
	return handle ? vmgen_generation(handle->v) : 1;
}
