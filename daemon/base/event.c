/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What happened to the machine, and which bands of hooks answer it.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "event.h"

enum {
	FIRST_IDENTITY_BAND = 60,
	END_IDENTITY_BAND = 80,
};

/*
 * At boot-changed services start fresh afterwards, so only what comes before
 * them runs; a clone gets its identity there, before they use it. On unknown
 * nothing may be repaired that perhaps is not broken; hooks from 10 to 19 only
 * stop damage.
 */
static const struct {
	const char *name;
	unsigned int first_band, end_band;
	/* With intent "clone" the hooks of identity run as well. */
	bool clone_identity;
} events[] = {
	[EVENT_NONE]		= { "none", 0, 0, false },
	[EVENT_ADOPTED]		= { "adopted", 0, 0, true },
	[EVENT_CHANGED]		= { "changed", 0, 100, false },
	[EVENT_BOOT_CHANGED]	= { "boot-changed", 0, 20, true },
	[EVENT_UNKNOWN]		= { "unknown", 10, 20, false },
	[EVENT_TEST]		= { "test", 0, 100, false },
};

const char *event_name(enum event event)
{
	return events[event].name;
}

int event_parse(const char *name, enum event *ret_event)
{
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(events[i].name, name))
			continue;
		*ret_event = i;
		return 0;
	}
	return -EINVAL;
}

bool event_runs_band(enum event event, const char *intent, unsigned int band)
{
	if (band >= events[event].first_band && band < events[event].end_band)
		return true;
	return events[event].clone_identity && !strcmp(intent, "clone") &&
	       event_is_identity(band);
}

bool event_is_identity(unsigned int band)
{
	return band >= FIRST_IDENTITY_BAND && band < END_IDENTITY_BAND;
}

bool event_is_guard(unsigned int band)
{
	return band < 20;
}
