/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What keeps anybody from saying that no clone has the kernel's random numbers.
 */
#include "doubt.h"

#include <stddef.h>

static bool unchecked(const struct view *view)
{
	return view->guest != GUEST_READY;
}

static bool without_id(const struct view *view)
{
	return !view_has_id(view) && !view_counts(view);
}

static bool stale(const struct view *view)
{
	return view->event.flags & VMGEN_RNG_STALE;
}

static const struct {
	bool (*applies)(const struct view *view);
	const char *text;
} doubts[] = {
	{ unchecked, "there is no device to check them against" },
	{ view_rng_other, "they may come from another generator than the one that is reseeded" },
	{ without_id, "the host provides no ID to check them against" },
	{ stale, "the kernel could not reseed after a change" },
	{ view_counts, "the host counts restores and provides no ID that tells clones apart" },
	{ view_id_untrusted, "this machine was hibernated, and cannot detect a change across that" },
};

const char *doubt_random(const struct view *view)
{
	size_t i;

	for (i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
		if (doubts[i].applies(view))
			return doubts[i].text;
	return NULL;
}
