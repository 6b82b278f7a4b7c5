/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the device shows, and what that means beside what is on record.
 */
#ifndef SIGHTING_H
#define SIGHTING_H

#include "base/event.h"
#include "record/statefile.h"
#include "witness.h"

/* A generation and the ID that belongs to it. */
struct sighting {
	enum witness_kind source;
	uint64_t generation;
	/* The host may provide no ID. */
	bool has_id;
	/* Only vmgen's module knows the ID; that of others is made up, for one boot. */
	bool made_up;
	/* It told of a change: at least since this boot. */
	bool changed_here;
	/* Programs may draw from another generator than the one that is reseeded. */
	bool rng_other;
	uint8_t id[VMGEN_ID_SIZE];
	char id_hash[HASH_SIZE];
};

/* Looks at the witness. Returns 0; -EAGAIN: it changes too fast; -errno. */
int sighting_look(const struct witness *witness, struct sighting *ret_sighting);

/* Does the record hold an unfinished run that belongs to what is seen? */
bool sighting_resumes(const struct state *state, const struct sighting *sighting,
		      const char *boot_id);

/* A log has no counter to look at: its generation goes on from the record. */
void sighting_continue(const struct state *state, const char *boot_id, struct sighting *sighting);

/*
 * Decides what happened before the daemon started. load_result: of
 * state_load(), with state where that is 0. boot_id: empty if it is not known.
 */
enum event sighting_decide(int load_result, const struct state *state,
			   const struct sighting *sighting, const char *boot_id);

#endif /* SIGHTING_H */
