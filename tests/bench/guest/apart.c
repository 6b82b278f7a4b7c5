/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * apart getrandom|vmgen_getrandom COUNT: the first random numbers that a clone
 * gets to use.
 *
 * Draws in a tight loop and keeps the COUNT first draws that returned after the
 * generation ID had changed; the raw page tells. Of plain getrandom(2) it keeps
 * those that were begun after that: what was under way when the snapshot was
 * taken is the same in every clone. The library draws such ones again.
 *
 * Prints as draw does: "ready" when the loop begins; at its end "before N", the
 * number of draws that were not kept, and the kept ones, one a line.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "libvmgen.h"
#include "vmgen.h"

enum { MAX_COUNT = 1 << 20 };

static void fail(const char *what, int error)
{
	printf("apart: %s: %s\n", what, strerror(error));
	exit(1);
}

/* Returns how many were not kept. */
static uint64_t draw(struct vmgen *v, bool library, size_t count, uint64_t *value)
{
	const volatile uint64_t *id = v->source.raw;
	const uint64_t old[2] = { id[0], id[1] };
	uint64_t others = 0;
	size_t n = 0;

	while (n < count) {
		const bool before = id[0] == old[0] && id[1] == old[1];
		int r = 0;

		if (library)
			r = vmgen_getrandom(v, &value[n], sizeof(*value));
		else if (getrandom(&value[n], sizeof(*value), 0) != sizeof(*value))
			r = -errno;
		if (r < 0)
			fail("draw", -r);
		if (!before || (library && (id[0] != old[0] || id[1] != old[1])))
			n++;
		else
			others++;
	}
	return others;
}

int main(int argc, char **argv)
{
	const bool library = argc == 3 && !strcmp(argv[1], "vmgen_getrandom");
	const long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	struct vmgen *v;
	uint64_t *value;
	int r;

	if (count < 1 || count > MAX_COUNT || (!library && strcmp(argv[1], "getrandom"))) {
		printf("usage: apart getrandom|vmgen_getrandom COUNT\n");
		return 2;
	}
	r = vmgen_open(NULL, VMGEN_VMGENID, &v);
	if (r < 0)
		fail("vmgen_open", -r);
	value = calloc((size_t)count, sizeof(*value));
	/* A page fault in the loop would be a place where only some siblings lose time. */
	if (!value || mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("locked memory", errno);
	if (!v->source.raw)
		fail("raw page", EACCES);
	puts("ready");
	fflush(stdout);
	printf("before %" PRIu64 "\n", draw(v, library, (size_t)count, value));
	for (long i = 0; i < count; i++)
		printf("%016" PRIx64 "\n", value[i]);
	vmgen_close(v);
	return 0;
}
