/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tells others how the answer to a change goes on: by status.json, by the file
 * of the generation, and to the service manager.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "file.h"
#include "log.h"
#include "notify.h"
#include "paths.h"
#include "report.h"
#include "status.h"

const char *report_reseed(int error)
{
	return !error ? "reseeded" : error == -ENODATA ? "not seeded yet" : "NOT reseeded";
}

struct log_fields report_fields(const struct record *run)
{
	/* A generator that was never seeded takes the ID in when it is. */
	bool good = !record_failures(run) && (!run->reseed_error || run->reseed_error == -ENODATA);

	return (struct log_fields){
		.message = good ? MESSAGE_HANDLED : MESSAGE_DEGRADED,
		.event = event_name(run->event), .generation = run->generation,
	};
}

static void tell_manager(const struct repair *repair)
{
	const struct record *last = &repair->state.last;
	uint64_t generation = repair->seen.generation;

	if (repair->waiter)
		notify_status("Waiting for hooks that an earlier vmgend started");
	else if (!repair->seen.has_id)
		notify_status("The host provides no generation ID");
	else if (repair->run)
		notify_status("Generation %" PRIu64 ": %s, hooks are running", generation,
			      event_name(repair->state.run.event));
	else if (*last->id_hash)
		notify_status("Generation %" PRIu64 "; last: %s, hooks that failed: %zu; random number generator %s",
			      generation, event_name(last->event), record_failures(last),
			      report_reseed(last->reseed_error));
	else
		notify_status("Generation %" PRIu64, generation);
}

void report_activity(const struct repair *repair, const char *activity)
{
	const struct state *state = &repair->state;
	const struct sighting *seen = &repair->seen;
	const struct status status = {
		.activity = activity,
		.source = seen->source,
		.device = strcmp(repair->config->device, PATH_DEVICE) ? repair->config->device :
			  witness_node(seen->source),
		.generation = seen->has_id ? seen->generation : 0,
		.handled = seen->has_id && !*state->run.id_hash && !repair->waiter &&
			   (seen->made_up || !strcmp(state->handled, seen->id_hash)),
		.recorded = repair->recorded,
		.record_error = repair->record_error,
		.run = &state->run,
		.last = &state->last,
		.drill = repair->drill,
	};
	int r;

	r = status_write(repair->config->runtime_dir, &status);
	if (r)
		log_error("cannot write %s/status.json: %s", repair->config->runtime_dir,
			  file_strerror(r));
	tell_manager(repair);
}

void report_again(const struct repair *repair)
{
	report_activity(repair, repair->run ? "running" : repair->waiter ? "waiting" : "watching");
}

void report_generation(const struct repair *repair, uint64_t generation)
{
	int r = status_write_generation(repair->config->runtime_dir, generation);

	if (r)
		log_error("cannot write %s/generation: %s", repair->config->runtime_dir,
			  file_strerror(r));
}
