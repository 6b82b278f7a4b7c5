/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the device shows, and what that means beside what is on record. Across
 * restarts only the ID counts: the generation starts again with the module.
 */
#include <errno.h>
#include <string.h>

#include "watch.h"

enum { LOOKS = 16 };

int watch_look(struct vmgen *device, struct sighting *ret_sighting)
{
	struct sighting sighting = { .has_id = false };
	struct vmgen_event before, after;
	int i, r;

	for (i = 0; i < LOOKS; i++) {
		r = vmgen_event(device, &before);
		if (r)
			return r;
		r = vmgen_id(device, sighting.id);
		if (r && r != -ENODATA)
			return r;
		sighting.has_id = !r;
		r = vmgen_event(device, &after);
		if (r)
			return r;
		/* The ID may be that of the next change. */
		if (before.generation == after.generation)
			break;
	}
	if (i == LOOKS)
		return -EAGAIN;
	sighting.generation = after.generation;
	sighting.changed_here = after.changed_boottime_ns != 0;
	if (sighting.has_id)
		hash_id(sighting.id, sighting.id_hash);
	*ret_sighting = sighting;
	explicit_bzero(&sighting, sizeof(sighting));
	return 0;
}

/* The record says that a run for this very ID was not finished. */
static enum event decide_unfinished(enum event event, bool same_boot)
{
	/* Rebooted in the middle of it: services start fresh now. */
	if (event == EVENT_CHANGED && !same_boot)
		return EVENT_BOOT_CHANGED;
	return event;
}

enum event watch_decide(int load_result, const struct state *state,
			const struct sighting *sighting, const char *boot_id)
{
	bool same_boot;

	if (!sighting->has_id)
		return EVENT_NONE;
	if (load_result == -ENOENT)
		return EVENT_ADOPTED;
	if (load_result)
		return EVENT_UNKNOWN;
	/* vmgend need not have run before the machine was cloned. */
	same_boot = sighting->changed_here || (*boot_id && !strcmp(state->boot_id, boot_id));
	if (!strcmp(state->run.id_hash, sighting->id_hash))
		return decide_unfinished(state->run.event, same_boot);
	if (!*state->run.id_hash && !strcmp(state->handled, sighting->id_hash))
		return EVENT_NONE;
	if (!*state->run.id_hash && !*state->handled)
		return EVENT_ADOPTED;
	return same_boot ? EVENT_CHANGED : EVENT_BOOT_CHANGED;
}
