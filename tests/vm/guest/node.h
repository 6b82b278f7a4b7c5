/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the programs share that try every sentence about a device node. Each
 * names its own before it includes this: static const char node[].
 */
#ifndef NODE_H
#define NODE_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tap.h"

/* The compiler must not know that this is no buffer. */
static void *volatile nowhere;

/* The result of a system call: what it returned, or -errno. */
static long result(long r)
{
	return r < 0 ? -errno : r;
}

static int must_open(int flags)
{
	int fd = open(node, flags);

	if (fd < 0)
		ok(false, "open(%#x): %s", (unsigned int)flags, strerror(errno));
	return fd;
}

#endif /* NODE_H */
