/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What became of the fork sentinels in the processes of this system; see
 * sentinel/sentinel.h.
 */
#ifndef TALLY_H
#define TALLY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

enum tally_kind {
	/* Sentinels that are zeroed. All others count processes. */
	TALLY_ZEROED,
	/* Has one and knows /dev/sysgenid, so it was left alone. */
	TALLY_AWARE,
	/* The kernel did not let vmgend look, or write. */
	TALLY_REFUSED,
	/* It held the look up until that was given up. */
	TALLY_BLOCKED,
	/* There was no time or no memory to look at it, or it was too much. */
	TALLY_UNSEEN,
	TALLY_KINDS,
};

struct tally {
	/* All have been looked at, or given up; false: the counts mean nothing. */
	bool known;
	uint32_t counts[TALLY_KINDS];
};

enum { TALLY_TEXT_SIZE = 256 };

/* Returns text: "zeroed: 3", and what else there is. */
const char *tally_text(const struct tally *tally, char text[TALLY_TEXT_SIZE]);

/* How many processes may go on with the numbers of a clone, for a reason of this machine? */
uint32_t tally_missed(const struct tally *tally);

/* Adds the member "sentinels", or none of what is not known. Returns 0 or -ENOMEM. */
int tally_add_json(const struct tally *tally, struct json_object *json);

/* json: of a record. Returns 0 or -EBADMSG. */
int tally_from_json(struct json_object *json, struct tally *ret_tally);

#endif /* TALLY_H */
