/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tells one machine from another beside the generation ID: the UUID that
 * the firmware shows, and the permanent addresses of its network interfaces.
 * Compared with what is on record they hint at what a change was.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	MACHINE_UUID_SIZE = 37,
	/* "00:11:22:33:44:55" and the terminating zero. */
	MACHINE_MAC_SIZE = 18,
	MACHINE_MACS_MAX = 32,
};

struct machine {
	/* In lower case; empty: the firmware shows none. */
	char product_uuid[MACHINE_UUID_SIZE];
	/* In ascending order, in lower case, no two alike. */
	size_t n_macs;
	char macs[MACHINE_MACS_MAX][MACHINE_MAC_SIZE];
};

/* sysfs: GUEST_SYSFS. What cannot be read is left out. */
void machine_look(const char *sysfs, struct machine *ret_machine);

/*
 * Returns "rollback": UUID and addresses are those on record; "clone": none of
 * them is; otherwise, also where either is not known, "unknown".
 */
const char *machine_hint(const struct machine *recorded, const struct machine *present);

/*
 * Is something that is known of both the same, and nothing another? Unlike the hint it says
 * so as well where no driver of an interface is loaded yet, or the firmware shows no UUID,
 * or an interface was added.
 */
bool machine_may_be(const struct machine *recorded, const struct machine *present);

/*
 * Takes what is seen of the present machine into the record. Interfaces that
 * have no driver yet are not gone. Returns true if that changed anything.
 */
bool machine_note(struct machine *recorded, const struct machine *present);

/* Adds a member, or nothing if nothing is known. Returns 0 or -ENOMEM. */
int machine_add_json(const struct machine *machine, struct json_object *json, const char *key);

/* Returns 0; -EBADMSG: not a machine. */
int machine_from_json(struct json_object *json, struct machine *ret_machine);

#endif /* MACHINE_H */
