/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the device shows, and what that means beside what is on record. Across
 * restarts only the ID counts: the generation starts again with the module.
 */
#include <errno.h>
#include <string.h>

#include "sighting.h"

enum { LOOKS = 16 };

static int look_at_id(struct vmgen *device, struct sighting *sighting)
{
	struct vmgen_event before, after;
	int i, r;

	for (i = 0; i < LOOKS; i++) {
		r = vmgen_event(device, &before, sizeof(before));
		if (r)
			return r;
		r = vmgen_id(device, sighting->id);
		if (r && r != -ENODATA)
			return r;
		sighting->has_id = !r;
		r = vmgen_event(device, &after, sizeof(after));
		if (r)
			return r;
		/* The ID may be that of the next change. */
		if (before.generation == after.generation)
			break;
	}
	if (i == LOOKS)
		return -EAGAIN;
	sighting->generation = after.generation;
	sighting->changed_here = after.changed_boottime_ns != 0;
	sighting->rng_other = after.flags & VMGEN_RNG_OTHER;
	return 0;
}

/*
 * Lines of the log are numbered in each boot, and so are changes by a counter, by that
 * of the module from each time that it is loaded: what tells them apart is this boot,
 * the number and the time. Other counters tell no time, and it is 0.
 */
static void make_id_up(struct sighting *sighting, uint64_t time)
{
	struct {
		char boot_id[BOOT_ID_SIZE];
		uint64_t source, generation, time;
	} parts;

	memset(&parts, 0, sizeof(parts));
	/* Without it a change is taken for one of another boot. */
	(void)state_boot_id(parts.boot_id);
	parts.source = sighting->source;
	parts.generation = sighting->generation;
	parts.time = time;
	hash_bytes(&parts, sizeof(parts), sighting->id);
	sighting->has_id = true;
	sighting->made_up = true;
}

static int look_at_counter(struct vmgen *device, struct sighting *sighting)
{
	struct vmgen_event event;
	int r = vmgen_event(device, &event, sizeof(event));

	if (r)
		return r;
	sighting->generation = event.generation;
	sighting->changed_here = event.changed_boottime_ns != 0;
	sighting->rng_other = event.flags & VMGEN_RNG_OTHER;
	make_id_up(sighting, event.changed_boottime_ns);
	return 0;
}

/* The first line of the log is number 0, and no generation is. */
static void look_at_log(const struct kmsg_line *line, struct sighting *sighting)
{
	sighting->generation = line->sequence + 1;
	sighting->changed_here = line->sequence != 0;
	make_id_up(sighting, line->time_usec);
}

int sighting_look(const struct witness *witness, struct sighting *ret_sighting)
{
	struct sighting sighting = { .source = witness->kind };
	int r = 0;

	switch (witness->kind) {
	case WITNESS_VMGENID:
		r = look_at_id(witness->device, &sighting);
		break;
	case WITNESS_COUNTER:
	case WITNESS_VMCLOCK:
	case WITNESS_SYSGENID:
		r = look_at_counter(witness->device, &sighting);
		break;
	case WITNESS_KMSG:
		look_at_log(&witness->line, &sighting);
		break;
	}
	if (r)
		return r;
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

/*
 * Do both come from one boot and one counter, so that a difference is a change? That of
 * the module may have been loaded again, and tells of a change without this.
 */
static bool comparable(const struct record *record, const struct sighting *sighting,
		       bool same_boot)
{
	return same_boot && sighting->source != WITNESS_KMSG &&
	       sighting->source != WITNESS_COUNTER &&
	       !strcmp(record->source, witness_name(sighting->source));
}

static bool is_same_boot(const struct state *state, const char *boot_id)
{
	return *boot_id && !strcmp(state->boot_id, boot_id);
}

bool sighting_resumes(const struct state *state, const struct sighting *sighting,
		      const char *boot_id)
{
	const struct record *run = &state->run;

	if (!*run->id_hash)
		return false;
	if (!strcmp(run->id_hash, sighting->id_hash))
		return true;
	/* Of what is left to do an ID that was made up says nothing else. */
	return sighting->made_up && !sighting->changed_here &&
	       !comparable(run, sighting, is_same_boot(state, boot_id));
}

void sighting_continue(const struct state *state, const char *boot_id, struct sighting *sighting)
{
	const struct record *record = *state->run.id_hash ? &state->run : &state->last;

	if (sighting->source == WITNESS_KMSG && !sighting->changed_here &&
	    is_same_boot(state, boot_id) && !strcmp(record->source, witness_name(WITNESS_KMSG)))
		sighting->generation = record->generation;
}

/* Across boots there is nothing to compare. */
static enum event decide_made_up(const struct state *state, const struct sighting *sighting,
				 bool same_boot)
{
	const struct record *last = &state->last;

	if (!*state->run.id_hash && !strcmp(last->id_hash, sighting->id_hash))
		return EVENT_NONE;
	if (sighting->changed_here || *state->run.id_hash)
		return EVENT_CHANGED;
	if (sighting->source == WITNESS_KMSG)
		return EVENT_NONE;
	return comparable(last, sighting, same_boot) ? EVENT_CHANGED : EVENT_ADOPTED;
}

enum event sighting_decide(int load_result, const struct state *state,
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
	same_boot = sighting->changed_here || is_same_boot(state, boot_id);
	if (sighting_resumes(state, sighting, boot_id))
		return decide_unfinished(state->run.event, same_boot);
	if (sighting->made_up)
		return decide_made_up(state, sighting, same_boot);
	if (!*state->run.id_hash && !strcmp(state->handled, sighting->id_hash))
		return EVENT_NONE;
	if (!*state->run.id_hash && !*state->handled)
		return EVENT_ADOPTED;
	return same_boot ? EVENT_CHANGED : EVENT_BOOT_CHANGED;
}
