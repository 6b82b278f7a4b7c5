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

#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/paths.h"
#include "report.h"
#include "statusfile.h"

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

static void tell_manager(const struct report *report)
{
	const struct record *last = &report->state->last;
	uint64_t generation = report->seen->generation;

	if (report->waiting)
		notify_status("Waiting for hooks that an earlier vmgend started");
	else if (!report->seen->has_id)
		notify_status("The host provides no generation ID");
	else if (report->running)
		notify_status("Generation %" PRIu64 ": %s, hooks are running", generation,
			      event_name(report->state->run.event));
	else if (*last->id_hash)
		notify_status("Generation %" PRIu64 "; last: %s, hooks that failed: %zu; random number generator %s",
			      generation, event_name(last->event), record_failures(last),
			      report_reseed(last->reseed_error));
	else
		notify_status("Generation %" PRIu64, generation);
}

void report_activity(const struct report *report, const char *activity)
{
	const struct state *state = report->state;
	const struct sighting *seen = report->seen;
	const struct status status = {
		.activity = activity,
		.source = seen->source,
		.device = strcmp(report->config->device, PATH_DEVICE) ? report->config->device :
			  witness_node(seen->source),
		.generation = seen->has_id ? seen->generation : 0,
		.id_hash = seen->has_id && !seen->made_up ? seen->id_hash : "",
		.handled = seen->has_id && !*state->run.id_hash && !report->waiting &&
			   (seen->made_up || !strcmp(state->handled, seen->id_hash)),
		.recorded = report->recorded,
		.record_error = report->record_error,
		.run = &state->run,
		.last = &state->last,
		.drill = report->drill,
	};
	int r;

	r = status_write(report->config->runtime_dir, &status);
	if (r)
		log_error("cannot write %s/status.json: %s", report->config->runtime_dir,
			  file_strerror(r));
	tell_manager(report);
}

void report_to_host(struct courier *courier, const struct sighting *seen,
		    const struct record *last, bool ended)
{
	courier_tell(courier, &(struct hostreport){
		.run = last, .ended = ended,
		/* One that is made up no host could compare. */
		.id_hash = seen->made_up || !seen->has_id ? "" :
			   ended ? last->id_hash : seen->id_hash,
	});
}

void report_generation(const struct config *config, uint64_t generation)
{
	int r = status_write_generation(config->runtime_dir, generation);

	if (r)
		log_error("cannot write %s/generation: %s", config->runtime_dir,
			  file_strerror(r));
}
