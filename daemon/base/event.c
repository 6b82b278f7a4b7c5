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

/*
 * At boot-changed services start fresh afterwards, so only what comes before
 * them runs. On unknown nothing may be repaired that perhaps is not broken;
 * hooks from 10 to 19 only stop damage.
 */
static const struct {
	const char *name;
	unsigned int first_band, end_band;
} events[] = {
	[EVENT_NONE]		= { "none", 0, 0 },
	[EVENT_ADOPTED]		= { "adopted", 0, 0 },
	[EVENT_CHANGED]		= { "changed", 0, 100 },
	[EVENT_BOOT_CHANGED]	= { "boot-changed", 0, 20 },
	[EVENT_UNKNOWN]		= { "unknown", 10, 20 },
	[EVENT_TEST]		= { "test", 0, 100 },
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

bool event_runs_band(enum event event, unsigned int band)
{
	return band >= events[event].first_band && band < events[event].end_band;
}

bool event_is_guard(unsigned int band)
{
	return band < 20;
}
