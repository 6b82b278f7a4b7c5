/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How long a hook waits before it begins.
 */
#include "base/compat.h"
#include "jitter.h"

uint64_t jitter_draw(unsigned int limit_sec)
{
	uint64_t random;

	/* It is no secret: a generator that is not seeded yet must not stop the hook. */
	if (getrandom(&random, sizeof(random), GRND_INSECURE) != sizeof(random))
		return 0;
	return (unsigned __int128)random * limit_sec * 1000000000 >> 64;
}
