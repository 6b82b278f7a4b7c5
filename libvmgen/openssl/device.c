/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The device in a program that knows nothing of it, and may close what it has
 * not opened itself.
 */
#include "device.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libvmgen.h"

/*
 * Other threads may be using a handle while it is replaced, and nothing tells when
 * the last of them is done, so it stays: two pages, whose descriptor is gone.
 */
struct handle {
	struct vmgen *v;
	struct handle *replaced;
};

/* Only this kind says when the kernel has reseeded; the others would add nothing. */
static struct handle *handle_open(void)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (handle && vmgen_open(NULL, VMGEN_VMGENID, &handle->v) < 0) {
		free(handle);
		return NULL;
	}
	return handle;
}

static void handle_close(struct handle *handle)
{
	vmgen_close(handle->v);
	free(handle);
}

void device_open(struct device *device)
{
	int saved = errno;

	atomic_store(&device->handle, handle_open());
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
}

/*
 * Without a lock, which a child would inherit from a thread that it does not have.
 * Returns NULL if the device cannot be opened either.
 */
static struct handle *replace(struct device *device, struct handle *old)
{
	struct handle *new = atomic_load(&device->handle);

	if (new != old)
		return new;
	new = handle_open();
	if (!new)
		return NULL;
	new->replaced = old;
	if (atomic_compare_exchange_strong(&device->handle, &old, new))
		return new;
	handle_close(new);
	return old;
}

/* The program closed the descriptor, or it is now another file's. */
static bool is_lost(const struct handle *handle)
{
	struct vmgen_event event;
	int r;

	do
		r = vmgen_event(handle->v, &event, sizeof(event));
	while (r == -EINTR);
	return r < 0;
}

static int draw_unchecked(void *buf, size_t size)
{
	size_t done = 0;
	ssize_t n;
	int r;

	while (done < size) {
		n = getrandom((char *)buf + done, size - done, 0);
		if (n < 0 && errno != EINTR) {
			r = -errno;
			explicit_bzero(buf, size);
			return r;
		}
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

/* No device, one without an ID, or FIPS mode: the kernel is all there is. */
static bool is_unvouched(int r)
{
	return r == -ENODATA || r == -EOPNOTSUPP;
}

static int draw_checked(struct device *device, void *buf, size_t size)
{
	struct handle *handle = atomic_load(&device->handle);
	int r;

	if (!handle)
		return -ENODATA;
	r = vmgen_getrandom(handle->v, buf, size);
	if (!r || is_unvouched(r) || r == -EIO || r == -EAGAIN || !is_lost(handle))
		return r;
	handle = replace(device, handle);
	return handle ? vmgen_getrandom(handle->v, buf, size) : r;
}

int device_draw(struct device *device, void *buf, size_t size)
{
	int saved = errno;
	int r = draw_checked(device, buf, size);

	if (is_unvouched(r))
		r = draw_unchecked(buf, size);
	errno = saved;
	return r;
}

uint64_t device_generation(struct device *device)
{
	struct handle *handle;
	int saved = errno;
	int r;

	/* Has a change settled that is under way. */
	r = draw_checked(device, NULL, 0);
	errno = saved;
	if (r < 0 && !is_unvouched(r))
		return 0;
	/* Changes are told also where nobody vouches for the bytes: a new seed beats an old one. */
	handle = atomic_load(&device->handle);
	return handle ? vmgen_generation(handle->v) : 1;
}
