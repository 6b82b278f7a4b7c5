/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The device in a program that knows nothing of it, and may close what it has
 * not opened itself.
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "vmgen.h"

/* All else that opening fails with says that there is one, and that it cannot be asked. */
static bool is_none(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ENXIO || r == -ENODEV ||
	       /* Another one, of the same name. */
	       r == -ENOTTY;
}

/* Only this kind says when the kernel has reseeded; the others would add nothing. */
static int open_kind(struct vmgen **ret_v)
{
	return vmgen_open(NULL, VMGEN_VMGENID, ret_v);
}

void device_open(struct device *device, const OSSL_CORE_HANDLE *core_handle, const OSSL_DISPATCH *core)
{
	struct vmgen *v = NULL;
	int saved = errno;

	atomic_store(&device->missing, is_none(open_kind(&v)));
	atomic_store(&device->v, v);
	cipher_open(&device->cipher, core_handle, core);
	errno = saved;
}

void device_close(struct device *device)
{
	vmgen_close(atomic_exchange(&device->v, NULL));
	cipher_close(&device->cipher);
}

/* No device, one without an ID, or FIPS mode: the kernel is all there is. */
static bool is_unvouched(int r)
{
	return r == -ENODATA || r == -EOPNOTSUPP;
}

/*
 * What could not be opened when the provider was loaded is tried again; without a lock,
 * which a child would inherit from a thread that it does not have.
 */
static int find(struct device *device, struct vmgen **ret_v)
{
	struct vmgen *other = NULL;
	int r;

	*ret_v = atomic_load(&device->v);
	if (*ret_v)
		return 0;
	if (atomic_load(&device->missing))
		return -ENODATA;
	r = open_kind(ret_v);
	if (is_none(r))
		atomic_store(&device->missing, true);
	if (r < 0)
		return is_none(r) ? -ENODATA : r;
	if (!atomic_compare_exchange_strong(&device->v, &other, *ret_v)) {
		vmgen_close(*ret_v);
		*ret_v = other;
	}
	return 0;
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
	struct vmgen *v;
	int r = find(device, &v);

	if (r < 0)
		return draw_unchecked(stream, r, buf, size);
	r = vmgen_draw(v, stream_draw, stream, buf, size);
	/* The program closed the descriptor, or it is now another file's. */
	if (r == -EBADF && vmgen_reopen(v) == 0)
		r = vmgen_draw(v, stream_draw, stream, buf, size);
	return r;
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
	struct vmgen *v;
	int saved = errno;
	int r;

	/* Has a change settled that is under way. */
	r = draw_checked(device, NULL, NULL, 0);
	errno = saved;
	if (r < 0 && !is_unvouched(r))
		return 0;
	/* Changes are told also where nobody vouches for the bytes: a new seed beats an old one. */
	v = atomic_load(&device->v);
	return v ? vmgen_generation(v) : 1;
}
