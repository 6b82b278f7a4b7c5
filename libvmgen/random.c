/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen_getrandom(): bytes that no sibling draws.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "vmgen.h"

enum {
	/* A machine that is cloned more often within one draw is out of luck. */
	TRIES = 16,
};

/* Returns whether random bytes can be vouched for: 0, -EIO, -ENODATA or -EOPNOTSUPP. */
static int judge(uint32_t flags)
{
	if (flags & VMGEN_NO_ID)
		return -ENODATA;
	if (flags & VMGEN_RNG_STALE)
		return -EIO;
	return flags & VMGEN_RNG_OTHER ? -EOPNOTSUPP : 0;
}

static int look(struct vmgen *v, uint64_t *ret_generation)
{
	struct vmgen_event event;
	int r = vmgen_look(v, &event);

	if (r < 0)
		return r;
	*ret_generation = event.generation;
	return judge(event.flags);
}

static int draw(void *buf, size_t size)
{
	int saved = errno;
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = getrandom((char *)buf + done, size - done, 0);
		if (n < 0 && errno != EINTR)
			return source_take_errno(saved);
		done += n < 0 ? 0 : (size_t)n;
	}
	errno = saved;
	return 0;
}

VMGEN_EXPORT int vmgen_getrandom(struct vmgen *v, void *buf, size_t size)
{
	uint64_t before, after;
	int tries;
	int r;

	if (!v || (!buf && size))
		return -EINVAL;
	r = v->source.can & VMGEN_INFO_SETTLES ? look(v, &before) : -EOPNOTSUPP;
	for (tries = 0; r == 0 && tries < TRIES; tries++) {
		r = draw(buf, size);
		if (r == 0)
			r = look(v, &after);
		if (r)
			break;
		if (after == before)
			return 0;
		before = after;
	}
	if (size)
		explicit_bzero(buf, size);
	return r < 0 ? r : -EAGAIN;
}
