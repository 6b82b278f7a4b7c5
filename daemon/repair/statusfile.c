/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What everyone may know, as files in the runtime directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/paths.h"
#include "statusfile.h"

enum { STATUS_VERSION = 1 };

/* Returns a new array that the caller puts; NULL: no memory. */
static struct json_object *losses_to_json(enum witness_kind source)
{
	struct json_object *json = json_object_new_array(), *value;
	const char *text;
	unsigned int i, loss;

	for (i = 0; json && (loss = witness_loss(i, &text)); i++) {
		if (!(witness_losses(source) & loss))
			continue;
		value = json_object_new_string(text);
		if (value && !json_object_array_add(json, value))
			continue;
		json_object_put(value);
		json_object_put(json);
		return NULL;
	}
	return json;
}

/* Adds a member, or nothing if there was no drill. Returns 0 or -ENOMEM. */
static int add_drill(const struct drill_report *drill, struct json_object *parent, const char *key)
{
	static const char *const phases[] = {
		[DRILL_NONE] = "none", [DRILL_WAITING] = "waiting",
		[DRILL_RUNNING] = "running", [DRILL_OVER] = "over",
	};
	struct json_object *json;

	if (drill->phase == DRILL_NONE)
		return 0;
	json = json_object_new_object();
	if (json &&
	    !json_add(json, "id", json_object_new_string(drill->id)) &&
	    !json_add(json, "phase", json_object_new_string(phases[drill->phase])) &&
	    !json_add(json, "real", json_object_new_boolean(drill->real)) &&
	    !json_add(json, "hook", json_object_new_string(drill->hook)) &&
	    !json_add(json, "rerun", json_object_new_string(drill->rerun ?: "")) &&
	    !json_add(json, "interrupted", json_object_new_boolean(drill->interrupted)) &&
	    !json_add(json, "refusal", json_object_new_string(drill->refusal ?: "")) &&
	    !json_add(json, "started_usec",
		      json_object_new_uint64(drill->record.detected_usec)) &&
	    !json_add(json, "finished_usec",
		      json_object_new_uint64(drill->record.finished_usec)) &&
	    !json_add(json, "incomplete", json_object_new_boolean(drill->record.incomplete)) &&
	    !json_add(json, "hooks", record_results_to_json(&drill->record, RECORD_PUBLIC)))
		return json_add(parent, key, json);
	json_object_put(json);
	return -ENOMEM;
}

static int fill(struct json_object *json, const struct status *status)
{
	if (json_add(json, "version", json_object_new_int(STATUS_VERSION)) ||
	    json_add(json, "release", json_object_new_string(VERSION)) ||
	    json_add(json, "pid", json_object_new_int(getpid())) ||
	    json_add(json, "activity", json_object_new_string(status->activity)) ||
	    json_add(json, "source", json_object_new_string(witness_name(status->source))) ||
	    json_add(json, "lost", losses_to_json(status->source)) ||
	    json_add(json, "device", json_object_new_string(status->device)) ||
	    json_add(json, "generation", json_object_new_uint64(status->generation)) ||
	    (*status->id_hash && json_add(json, "id_hash", json_object_new_string(status->id_hash))) ||
	    json_add(json, "handled", json_object_new_boolean(status->handled)) ||
	    json_add(json, "recorded", json_object_new_boolean(status->recorded)) ||
	    (!status->recorded &&
	     json_add(json, "record_errno", json_object_new_int(-status->record_error))) ||
	    record_add_json(status->run, RECORD_PUBLIC, json, "run") ||
	    record_add_json(status->last, RECORD_PUBLIC, json, "last") ||
	    (status->drill && add_drill(status->drill, json, "drill")))
		return -ENOMEM;
	return 0;
}

static int replace(const char *directory, const char *name, struct json_object *json, mode_t mode)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = json_replace_file(fd, name, json, mode, FILE_ATOMIC);
	close(fd);
	return r;
}

int status_write(const char *directory, const struct status *status)
{
	struct json_object *json = json_object_new_object();
	int r;

	r = json ? fill(json, status) : -ENOMEM;
	if (!r)
		r = replace(directory, NAME_STATUS, json, 0644);
	json_object_put(json);
	return r;
}

int status_write_outputs(const char *directory, const char *id, const struct record *results)
{
	struct json_object *json = json_object_new_object();
	int r = -ENOMEM;

	if (json && !json_add(json, "id", json_object_new_string(id)) &&
	    !json_add(json, "hooks", record_results_to_json(results, RECORD_OUTPUTS)))
		r = replace(directory, NAME_OUTPUTS, json, 0600);
	json_object_put(json);
	return r;
}

int status_write_generation(const char *directory, uint64_t generation)
{
	char path[PATH_MAX], text[24];
	int fd, length, r = 0;

	if (snprintf(path, sizeof(path), "%s/" NAME_GENERATION, directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	length = snprintf(text, sizeof(text), "%" PRIu64 "\n", generation);
	/* The umask may have taken bits away. */
	if (fchmod(fd, 0644) || pwrite(fd, text, length, 0) != length || ftruncate(fd, length))
		r = errno ? -errno : -EIO;
	close(fd);
	return r;
}
