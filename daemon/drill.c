/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A drill. It waits for hooks that are running, and a change waits for those
 * of a drill, so that no hook runs twice at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "drill.h"
#include "hook.h"
#include "json.h"
#include "log.h"
#include "paths.h"
#include "report.h"

enum { REQUEST_LIMIT = 4096 };

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static int open_directory(const struct drill *drill)
{
	int fd = open(drill->repair->config->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void drill_clear(struct drill *drill)
{
	drill->run = run_free(drill->run);
	record_clear(&drill->record);
	drill->repair->drill = NULL;
}

static bool is_id(const char *text)
{
	size_t length = strlen(text);

	return length && length < DRILL_ID_SIZE &&
	       strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz-") == length;
}

static int parse(const char *text, struct drill *drill)
{
	struct json_object *json = json_parse(text), *value;
	const char *id, *hook = "", *rerun = "";
	int r = -EBADMSG;

	if (!json_object_is_type(json, json_type_object) ||
	    json_get_text(json, "id", &id) || !is_id(id) ||
	    !json_object_object_get_ex(json, "real", &value) ||
	    !json_object_is_type(value, json_type_boolean))
		goto out;
	drill->real = json_object_get_boolean(value);
	if (json_object_object_get_ex(json, "hook", NULL) &&
	    (json_get_text(json, "hook", &hook) || !hook_name_valid(hook)))
		goto out;
	if (json_object_object_get_ex(json, "rerun", NULL) &&
	    (json_get_text(json, "rerun", &rerun) || rerun_parse(rerun, &drill->rerun) ||
	     (*rerun && (*hook || drill->real))))
		goto out;
	strcpy(drill->id, id);
	strcpy(drill->hook, hook);
	r = 0;
out:
	json_object_put(json);
	return r;
}

/* Only root can write there, but a mistake of root's shall not run hooks. */
static int read_request(int dir_fd, struct drill *drill)
{
	struct stat st;
	char *text;
	int r;

	r = file_read(dir_fd, NAME_TRIGGER, REQUEST_LIMIT, &text, &st);
	if (r)
		return r;
	r = st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ?
	    parse(text, drill) : -EPERM;
	free(text);
	return r;
}

/* Returns whether there was one that can be used. */
static bool take_request(struct drill *drill)
{
	struct drill next = { .repair = drill->repair, .phase = DRILL_WAITING };
	int dir_fd, r;

	drill->requested = false;
	dir_fd = open_directory(drill);
	r = dir_fd < 0 ? dir_fd : read_request(dir_fd, &next);
	if (dir_fd >= 0)
		close(dir_fd);
	if (r) {
		log_warning("SIGUSR1 is ignored: %s/" NAME_TRIGGER ": %s (vmgenctl trigger writes it)",
			    drill->repair->config->runtime_dir, strerror(-r));
		return false;
	}
	record_clear(&drill->record);
	*drill = next;
	return true;
}

/* Returns false if there was none. */
static bool remove_request(const struct drill *drill)
{
	int fd = open_directory(drill);
	bool removed;

	if (fd < 0)
		return false;
	removed = !unlinkat(fd, NAME_TRIGGER, 0);
	close(fd);
	return removed;
}

void drill_init(struct drill *drill, struct repair *repair)
{
	*drill = (struct drill){ .repair = repair };
	repair->drill = drill;
	/* Who left it has given up, and nobody expects hooks to run now. */
	if (remove_request(drill))
		log_notice("a drill that was asked for before this start is dropped");
}

static void finish(struct drill *drill)
{
	drill->run = run_free(drill->run);
	if (drill->rerun && !drill->refusal)
		rerun_finish(drill->repair, drill->rerun, &drill->record);
	drill->record.finished_usec = now_usec();
	drill->phase = DRILL_OVER;
	if (drill->refusal)
		log_warning("drill: nothing is run: %s", drill->refusal);
	else
		log_notice("drill: over%s", drill->interrupted ? ", cut short by a change" : "");
	report_again(drill->repair);
}

/* Returns NULL, or why it cannot be. */
static const char *begin(struct drill *drill)
{
	struct repair *repair = drill->repair;
	struct record *record = &drill->record;

	if ((drill->real || drill->rerun) && !repair->seen.has_id)
		return "the host provides no ID";
	if (drill->rerun)
		return rerun_begin(repair, drill->rerun, record, &drill->run);
	if (drill->real && !*drill->hook) {
		repair_again(repair);
		return repair->failed ? "the hooks cannot be prepared" : NULL;
	}
	record->event = drill->real ? EVENT_CHANGED : EVENT_TEST;
	record->drill = true;
	record->generation = repair->seen.generation;
	strcpy(record->id_hash, repair->seen.id_hash);
	strcpy(record->hint, "unknown");
	strcpy(record->source, witness_name(repair->seen.source));
	if (run_new(repair->config, record, RUN_ALL, repair->lock_fd, &drill->run))
		return "the hooks cannot be prepared";
	if (*drill->hook && run_choose(drill->run, drill->hook))
		return "there is no such hook";
	return NULL;
}

static void start(struct drill *drill)
{
	log_notice("drill: hooks run because vmgenctl asked for it, %s",
		   drill->real || drill->rerun ? "in earnest" : "with event test");
	drill->phase = DRILL_RUNNING;
	drill->record.detected_usec = now_usec();
	drill->refusal = begin(drill);
	if (drill->refusal)
		finish(drill);
	else
		report_again(drill->repair);
}

static bool is_busy(const struct repair *repair)
{
	return repair->run || repair->waiter;
}

static bool is_running(struct drill *drill)
{
	if (drill->phase != DRILL_RUNNING)
		return false;
	return drill->run ? run_advance(drill->run) > 0 : drill->repair->run != NULL;
}

void drill_advance(struct drill *drill)
{
	struct repair *repair = drill->repair;
	bool looked, ready;

	if (is_running(drill))
		return;
	if (drill->phase == DRILL_RUNNING) {
		finish(drill);
		/* What came meanwhile goes first. */
		repair_resume(repair);
	}
	looked = drill->requested && drill->phase != DRILL_WAITING;
	if (looked && take_request(drill) && is_busy(repair))
		report_again(repair);
	ready = drill->phase == DRILL_WAITING && !is_busy(repair);
	if (ready)
		start(drill);
	/* Only now, because who misses the file looks for what was told. */
	if (looked)
		(void)remove_request(drill);
	/* There may be no hook to wait for. */
	if (ready)
		drill_advance(drill);
}

void drill_request(struct drill *drill)
{
	drill->requested = true;
	drill_advance(drill);
}

bool drill_stop(struct drill *drill)
{
	if (!drill->run)
		return false;
	drill->interrupted = true;
	run_stop(drill->run);
	return true;
}

int drill_add_json(const struct drill *drill, struct json_object *parent, const char *key)
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
	    !json_add(json, "rerun", json_object_new_string(rerun_name(drill->rerun))) &&
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
