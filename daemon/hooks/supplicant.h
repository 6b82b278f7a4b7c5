/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The processes of wpa_supplicant that agree on keys of MACsec, and the note by which a hook
 * sees that a newer guard has stopped them again.
 */
#ifndef SUPPLICANT_H
#define SUPPLICANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "candidate.h"
#include "keys/secy.h"

#define SUPPLICANT	"/sbin/wpa_supplicant"

enum { SUPPLICANTS_MAX = 32 };

struct supplicants {
	size_t n;
	struct supplicant {
		struct process process;
		/* It listens below an interface whose keys it can agree on. */
		bool agrees;
	} all[SUPPLICANTS_MAX];
};

/*
 * Finds those of the system's own program, of root, in this network name space. Returns 0;
 * -ENOENT: there is no such program; -EPERM: others than root can change it.
 */
int supplicants_find(struct supplicants *ret_supplicants);
void supplicants_release(struct supplicants *supplicants);

/* Sets which interfaces of the list heal, and which processes agree on their keys. */
void supplicants_match(struct supplicants *supplicants, struct secy_list *list);

/* Stops those that agree on keys. Returns how many could not be, which it says. */
unsigned int supplicants_stop(const struct supplicants *supplicants);

/* How many stand still; they go on. */
unsigned int supplicants_count_stopped(const struct supplicants *supplicants);
unsigned int supplicants_continue(const struct supplicants *supplicants);

/* The generation of the change whose guard has stopped some last; 0: there is no note. */
uint64_t supplicants_generation(void);
int supplicants_note(uint64_t generation);

#endif /* SUPPLICANT_H */
