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

int vmgen_draw_kernel(void *context, void *buf, size_t size)
{
	int saved = errno;
	size_t done = 0;
	ssize_t n;
	int r;

	(void)context;
	while (done < size) {
		n = getrandom((char *)buf + done, size - done, 0);
		if (n < 0 && errno != EINTR)
			break;
		done += n < 0 ? 0 : (size_t)n;
	}
	r = done < size ? -errno : 0;
	errno = saved;
	/* A seccomp filter's choice, which must not read as judge()'s. */
	return r == -ENODATA || r == -EOPNOTSUPP ? -ENOSYS : r;
}

/*
 * Anyone who does not look at what is returned goes on with what is in the buffer, so
 * that is neither what a clone may have nor what everybody knows.
 */
static int give_up(int r, vmgen_draw_fn *draw, void *context, void *buf, size_t size)
{
	int failure = size ? draw(context, buf, size) : 0;

	if (failure < 0)
		explicit_bzero(buf, size);
	return failure < 0 ? failure : r;
}

/*
 * What was vouched for last is a look of before the draw: if the generation is the
 * same after it, there was no other in between. That saves every other system call
 * where a look is one.
 */
int vmgen_draw(struct vmgen *v, vmgen_draw_fn *draw, void *context, void *buf, size_t size)
{
	uint64_t before = v->source.raw ? 0 : atomic_load(&v->vouched), after;
	int r = v->source.can & VMGEN_INFO_SETTLES ? 0 : -EOPNOTSUPP;
	int tries;

	if (r == 0 && !before)
		r = look(v, &before);
	for (tries = 0; r == 0 && tries < TRIES; tries++) {
		r = draw(context, buf, size);
		if (r == 0)
			r = look(v, &after);
		/* It may end without a change, and then what was vouched for came before it. */
		atomic_store(&v->vouched, r ? 0 : after);
		if (r)
			break;
		if (after == before)
			return 0;
		before = after;
	}
	return give_up(r < 0 ? r : -EAGAIN, draw, context, buf, size);
}

VMGEN_EXPORT int vmgen_getrandom(struct vmgen *v, void *buf, size_t size)
{
	if (!v || (!buf && size))
		return -EINVAL;
	return vmgen_draw(v, vmgen_draw_kernel, NULL, buf, size);
}
