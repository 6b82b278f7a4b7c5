/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What happened to the machine, in the words that hooks and files use.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>

enum event {
	/* Nothing: the ID is the one on record. */
	EVENT_NONE,
	/* No record yet: the present ID becomes the recorded one. */
	EVENT_ADOPTED,
	/* The ID changed while this system was up. */
	EVENT_CHANGED,
	/* The ID changed while the system was down. */
	EVENT_BOOT_CHANGED,
	/* The record cannot be read: perhaps. */
	EVENT_UNKNOWN,
	/* Nothing happened: a drill. Hooks say what they would do. */
	EVENT_TEST,
};

/* Returns the word for an event. */
const char *event_name(enum event event);

/* Returns 0, or -EINVAL: no event has this name. */
int event_parse(const char *name, enum event *ret_event);

/* Do the hooks of this band (0 to 99) run on this event, with this intent or an empty one? */
bool event_runs_band(enum event event, const char *intent, unsigned int band);

/* Do the hooks of this band give a clone an identity of its own? */
bool event_is_identity(unsigned int band);

/*
 * Is this the band of a guard? Guards stop damage, so they begin at once, all of
 * them, and wait for nothing.
 */
bool event_is_guard(unsigned int band);

#endif /* EVENT_H */
