/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What became of fork sentinels comes beside the run, for which nothing waits: before it
 * is on record, while hooks run, or when it has finished.
 */
#include <string.h>

#include "base/log.h"
#include "guard/guardian.h"
#include "repair.h"

static bool is_about(const struct record *run, const struct guardian_message *message)
{
	return *run->id_hash && run->generation == message->generation &&
	       !strcmp(run->id_hash, message->id_hash);
}

static void tell(const struct tally *tally)
{
	char text[TALLY_TEXT_SIZE];

	if (tally_missed(tally))
		log_warning("fork sentinels: %s; those programs may use the same random numbers as clones",
			    tally_text(tally, text));
	else
		log_info("fork sentinels: %s", tally_text(tally, text));
}

void repair_note_sentinels(struct repair *repair, struct record *run)
{
	if (repair->sentinels.known && repair->sentinels_generation == run->generation)
		run->sentinels = repair->sentinels;
}

void repair_hear_sentinels(struct repair *repair, const struct guardian_message *message)
{
	struct state *state = &repair->state;
	int fd;

	tell(&message->sentinels);
	repair->sentinels = message->sentinels;
	repair->sentinels_generation = message->generation;
	if (is_about(&state->run, message)) {
		/* It is recorded with what else becomes of that run. */
		repair_note_sentinels(repair, &state->run);
	} else if (is_about(&state->last, message)) {
		repair_note_sentinels(repair, &state->last);
		fd = repair_open_state(repair);
		repair_keep_history(repair, fd);
		repair_save(repair, fd);
	} else {
		return;
	}
	repair_report_again(repair);
}
