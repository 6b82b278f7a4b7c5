/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * /proc/PID/smaps of a stranger, in which vmgend looks for fork sentinels and then writes to
 * that process: what is told is the same wherever the reads of the file end, no more is told
 * than there are lines of flags, and a mapping that is written to begins and ends somewhere.
 *
 * Input: how much is read at once, then the file.
 */
#include <errno.h>

#include "demand.h"
#include "sentinel/look.h"
#include "sentinel/smaps.h"

enum { TOLD_MAX = 64 };

struct told {
	size_t n, stop_at;
	struct smaps_mapping mappings[TOLD_MAX];
};

static int note(void *context, const struct smaps_mapping *mapping)
{
	struct told *told = context;

	demand(mapping->start < mapping->end);
	demand(!mapping->anonymous || (!mapping->inode && !mapping->sysgenid));
	if (told->n < TOLD_MAX)
		told->mappings[told->n] = *mapping;
	return ++told->n == told->stop_at ? 4711 : 0;
}

/* Returns what ends it. Each read is memory of its own, so that what is beyond is seen. */
static int take(const uint8_t *data, size_t size, size_t step, struct told *ret_told)
{
	struct smaps smaps = { .begun = false };
	size_t n;
	char *text;
	int r = 0;

	for (; !r && size; data += n, size -= n) {
		n = step < size ? step : size;
		text = malloc(n);
		demand(text);
		memcpy(text, data, n);
		r = smaps_take(&smaps, text, n, note, ret_told);
		free(text);
	}
	return r;
}

static size_t count_flags(const uint8_t *data, size_t size)
{
	static const char flags[] = "VmFlags:";
	const uint8_t *end = data + size, *line = data;
	size_t n = 0;

	while ((line = memmem(line, end - line, flags, strlen(flags)))) {
		line += strlen(flags);
		n++;
	}
	return n;
}

static bool is_same(const struct smaps_mapping *a, const struct smaps_mapping *b)
{
	return a->start == b->start && a->end == b->end && a->readable == b->readable &&
	       a->writable == b->writable && a->executable == b->executable &&
	       a->shared == b->shared && a->device == b->device && a->inode == b->inode &&
	       a->offset == b->offset && a->anonymous == b->anonymous &&
	       a->sysgenid == b->sysgenid && a->wiped == b->wiped && a->droppable == b->droppable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct told whole, pieces, first;
	size_t i, step;
	int r;

	if (!size)
		return 0;
	step = *data++ % 64 + 1;
	size--;
	whole = pieces = first = (struct told){ .n = 0 };
	r = take(data, size, size, &whole);
	demand(!r || r == -EBADMSG);
	demand(whole.n <= count_flags(data, size));
	demand(take(data, size, step, &pieces) == r && pieces.n == whole.n);
	for (i = 0; i < whole.n && i < TOLD_MAX; i++)
		demand(is_same(&whole.mappings[i], &pieces.mappings[i]));
	/* What found returns ends it. */
	first.stop_at = 1;
	demand(take(data, size, step, &first) == (whole.n ? 4711 : r) && first.n == !!whole.n);
	if (size >= 16)
		demand(look_at_page(data, size) < 8);
	return 0;
}
