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
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/paths.h"
#include "config/hook.h"
#include "drill.h"

enum { REQUEST_LIMIT = 4096 };

static int open_directory(const struct drill *drill)
{
	int fd = open(drill->repair->config->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void drill_clear(struct drill *drill)
{
	drill->run = run_free(drill->run);
	record_clear(&drill->report.record);
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
	drill->report.real = json_object_get_boolean(value);
	if (json_object_object_get_ex(json, "hook", NULL) &&
	    (json_get_text(json, "hook", &hook) || !hook_name_valid(hook)))
		goto out;
	if (json_object_object_get_ex(json, "rerun", NULL) &&
	    (json_get_text(json, "rerun", &rerun) || rerun_parse(rerun, &drill->rerun) ||
	     (*rerun && (*hook || drill->report.real))))
		goto out;
	strcpy(drill->report.id, id);
	strcpy(drill->report.hook, hook);
	drill->report.rerun = rerun_name(drill->rerun);
	r = 0;
out:
	json_object_put(json);
	return r;
}

/* Only root can write there, but a mistake of root's must not run hooks. */
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
	struct drill next = { .repair = drill->repair, .report.phase = DRILL_WAITING };
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
	record_clear(&drill->report.record);
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
	repair->drill = &drill->report;
	/* Who left it has given up, and nobody expects hooks to run now. */
	if (remove_request(drill))
		log_notice("a drill that was requested before this start is dropped");
}

/* Before the status says that it is over, because then somebody reads it. */
static void tell_outputs(const struct drill *drill)
{
	const struct repair *repair = drill->repair;
	bool whole = drill->report.real && !*drill->report.hook;
	int r = status_write_outputs(repair->config->runtime_dir, drill->report.id,
				     whole ? &repair->state.last : &drill->report.record);

	if (r)
		log_warning("vmgenctl cannot show what the hooks of the drill printed: %s/" NAME_OUTPUTS ": %s",
			    repair->config->runtime_dir, file_strerror(r));
}

static void finish(struct drill *drill)
{
	drill->run = run_free(drill->run);
	if (drill->rerun && !drill->report.refusal)
		rerun_finish(drill->repair, drill->rerun, &drill->report.record);
	record_finish(&drill->report.record);
	drill->report.phase = DRILL_OVER;
	if (!drill->report.refusal)
		tell_outputs(drill);
	if (drill->report.refusal)
		log_warning("drill: no hook runs: %s", drill->report.refusal);
	else
		log_notice("drill: finished%s",
			   drill->report.interrupted ? ", ended early by a change" : "");
	repair_report_again(drill->repair);
}

/* Returns NULL, or why it cannot be. */
static const char *begin(struct drill *drill)
{
	struct repair *repair = drill->repair;
	struct record *record = &drill->report.record;

	if ((drill->report.real || drill->rerun) && !repair->seen.has_id)
		return "the host provides no ID";
	if (drill->rerun)
		return rerun_begin(repair, drill->rerun, record, &drill->run);
	if (drill->report.real && !*drill->report.hook) {
		repair_again(repair);
		return repair->failed ? "the hooks cannot be prepared" : NULL;
	}
	record->event = drill->report.real ? EVENT_CHANGED : EVENT_TEST;
	record->drill = true;
	record->generation = repair->seen.generation;
	strcpy(record->id_hash, repair->seen.id_hash);
	strcpy(record->hint, "unknown");
	strcpy(record->source, witness_name(repair->seen.source));
	if (run_new(repair->config, record, RUN_ALL, repair->lock_fd, &drill->run))
		return "the hooks cannot be prepared";
	if (*drill->report.hook && run_choose(drill->run, drill->report.hook))
		return "there is no such hook";
	return NULL;
}

static void start(struct drill *drill)
{
	log_notice("drill: vmgenctl asked vmgend to run hooks, %s",
		   drill->report.real || drill->rerun ? "with event changed" : "with event test");
	drill->report.phase = DRILL_RUNNING;
	record_detect(&drill->report.record);
	drill->report.refusal = begin(drill);
	if (drill->report.refusal)
		finish(drill);
	else
		repair_report_again(drill->repair);
}

static bool is_busy(const struct repair *repair)
{
	return repair->run || repair->waiter;
}

static bool is_running(struct drill *drill)
{
	if (drill->report.phase != DRILL_RUNNING)
		return false;
	return drill->run ? run_advance(drill->run) > 0 : drill->repair->run != NULL;
}

void drill_advance(struct drill *drill)
{
	struct repair *repair = drill->repair;
	bool looked, ready;

	if (is_running(drill))
		return;
	if (drill->report.phase == DRILL_RUNNING) {
		finish(drill);
		/* What came meanwhile goes first. */
		repair_resume(repair);
	}
	looked = drill->requested && drill->report.phase != DRILL_WAITING;
	if (looked && take_request(drill) && is_busy(repair))
		repair_report_again(repair);
	ready = drill->report.phase == DRILL_WAITING && !is_busy(repair);
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

bool drill_is_in_way(const struct drill *drill)
{
	return drill->run;
}

void drill_stop(struct drill *drill)
{
	if (!drill->run)
		return;
	drill->report.interrupted = true;
	run_stop(drill->run);
}
