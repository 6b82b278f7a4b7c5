/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl watch: changes as they come, and what vmgend makes of them, one line
 * each.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/view.h"
#include "ctl/view/vmgend.h"

/* A daemon that dies does not say so, and its directory may come later. */
enum { LOOK_MS = 1000 };

struct watch {
	const struct ctl *ctl;
	bool json;
	struct vmgen *device;
	int notify_fd;
	bool has_directory;
	/* What was told last. */
	bool running;
	uint64_t generation, started_usec, finished_usec;
	char drill[64];
	/* Nothing can be told any more. */
	bool failed;
};

/* Takes members, a line of words without its time. */
static void tell(struct watch *watch, const char *what, struct json_object *json, const char *words)
{
	struct timespec now;
	char text[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (watch->json) {
		if (json_add(json, "version", json_object_new_int(1)) ||
		    json_add(json, "type", json_object_new_string(what)) ||
		    json_add(json, "time_usec",
			     json_object_new_int64(now.tv_sec * INT64_C(1000000) +
						   now.tv_nsec / 1000))) {
			json_object_put(json);
			watch->failed = true;
			return;
		}
		watch->failed |= print_json_line(json) || ferror(stdout);
		return;
	}
	json_object_put(json);
	strftime(text, sizeof(text), "%F %T", localtime_r(&now.tv_sec, &tm));
	watch->failed |= text_print(stdout, "%s  %s\n", text, words) < 0 || fflush(stdout);
}

static void tell_generation(struct watch *watch, const struct vmgen_event *event)
{
	const char *detected_by = view_detected_by(event->source);
	struct json_object *json = json_object_new_object();
	char words[128];

	if (watch->generation)
		snprintf(words, sizeof(words),
			 "generation %" PRIu64 ": this machine was cloned or restored, detected by %s",
			 event->generation, detected_by);
	else
		snprintf(words, sizeof(words), "generation %" PRIu64, event->generation);
	if (!json ||
	    json_add(json, "generation", json_object_new_uint64(event->generation)) ||
	    json_add(json, "detected_by", json_object_new_string(detected_by)) ||
	    json_add(json, "rng_stale",
		     json_object_new_boolean(event->flags & VMGEN_RNG_STALE)) ||
	    json_add(json, "rng_other",
		     json_object_new_boolean(event->flags & VMGEN_RNG_OTHER))) {
		json_object_put(json);
		watch->failed = true;
		return;
	}
	tell(watch, "generation", json, words);
	watch->generation = event->generation;
}

/* A new object with one text; NULL: no memory, which the line is lost for. */
static struct json_object *one_text(const char *key, const char *text)
{
	struct json_object *json = json_object_new_object();

	if (json && !json_add(json, key, json_object_new_string(text)))
		return json;
	json_object_put(json);
	return NULL;
}

static void tell_text(struct watch *watch, const char *what, const char *key, const char *text)
{
	struct json_object *json = one_text(key, text);
	char words[128];

	snprintf(words, sizeof(words), "%s %s", what, text);
	if (json)
		tell(watch, what, json, words);
	else
		watch->failed = true;
}

/* Of a run in status.json that is other than the one that was told last. */
static void tell_run(struct watch *watch, struct json_object *status, const char *key,
		     const char *what, const char *member, uint64_t *told)
{
	struct json_object *run, *hooks = NULL;
	const char *event = "?";
	uint64_t usec, generation = 0;
	char words[160];

	if (!json_object_object_get_ex(status, key, &run) ||
	    json_get_number(run, member, &usec) || usec == *told)
		return;
	*told = usec;
	(void)json_get_text(run, "event", &event);
	(void)json_get_number(run, "generation", &generation);
	(void)json_object_object_get_ex(run, "hooks", &hooks);
	snprintf(words, sizeof(words), "vmgend: generation %" PRIu64 ", %.32s: %s; hooks: %d",
		 generation, event, what,
		 json_object_is_type(hooks, json_type_object) ? json_object_object_length(hooks) : 0);
	tell(watch, what, json_object_get(run), words);
}

static void look_at_vmgend(struct watch *watch)
{
	struct json_object *status, *drill;
	const char *id, *phase;
	char text[64];
	bool running;

	if (vmgend_status(watch->ctl->runtime_dir, &status, &running)) {
		running = false;
		status = NULL;
	}
	if (running != watch->running)
		tell_text(watch, "vmgend", "state", running ? "running" : "stopped");
	watch->running = running;
	if (!status)
		return;
	tell_run(watch, status, "run", "started", "detected_usec", &watch->started_usec);
	tell_run(watch, status, "last", "handled", "finished_usec", &watch->finished_usec);
	if (json_object_object_get_ex(status, "drill", &drill) &&
	    !json_get_text(drill, "id", &id) && !json_get_text(drill, "phase", &phase)) {
		snprintf(text, sizeof(text), "%.20s %.20s", id, phase);
		if (strcmp(text, watch->drill))
			tell_text(watch, "drill", "phase", phase);
		strcpy(watch->drill, text);
	}
	json_object_put(status);
}

static void look_at_device(struct watch *watch)
{
	struct vmgen_event event;
	int r;

	if (!watch->device)
		return;
	/* Takes what made the descriptor readable; at first, and where it is none, nothing did. */
	r = vmgen_read(watch->device, &event, sizeof(event));
	if (r < 0)
		r = vmgen_event(watch->device, &event, sizeof(event));
	if (r == 0 && event.generation != watch->generation)
		tell_generation(watch, &event);
}

static void wait_for_news(struct watch *watch)
{
	struct pollfd fds[] = {
		{ .fd = watch->device ? vmgen_fd(watch->device) : -1, .events = POLLIN },
		{ .fd = watch->notify_fd, .events = POLLIN },
	};
	char events[4096];

	if (!watch->has_directory)
		watch->has_directory = inotify_add_watch(watch->notify_fd, watch->ctl->runtime_dir,
							 IN_MOVED_TO | IN_ONLYDIR) >= 0;
	if (poll(fds, 2, LOOK_MS) > 0 && fds[1].revents)
		(void)!read(watch->notify_fd, events, sizeof(events));
}

/* What happened before is told by other commands. */
static void skip_past(struct watch *watch)
{
	struct json_object *status, *last;
	bool running;

	if (vmgend_status(watch->ctl->runtime_dir, &status, &running))
		return;
	if (json_object_object_get_ex(status, "last", &last)) {
		(void)json_get_number(last, "detected_usec", &watch->started_usec);
		(void)json_get_number(last, "finished_usec", &watch->finished_usec);
	}
	json_object_put(status);
}

enum ctl_exit ctl_watch(const struct ctl *ctl, int argc, char **argv)
{
	struct watch watch = { .ctl = ctl };
	int r;

	if (arguments_only_json(argc, argv, &watch.json))
		return CTL_USAGE;
	r = vmgen_open(ctl->device, VMGEN_VMGENID, &watch.device);
	if (r)
		text_print(stderr, "vmgenctl: only vmgend is watched: %s\n",
			   guest_explain(guest_diagnose(r, ctl->device, GUEST_SYSFS),
					 GUEST_SYSFS));
	watch.notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch.notify_fd < 0) {
		text_print(stderr, "vmgenctl: cannot watch: %s\n", strerror(errno));
		vmgen_close(watch.device);
		return CTL_FAILED;
	}
	skip_past(&watch);
	while (!watch.failed) {
		look_at_device(&watch);
		look_at_vmgend(&watch);
		wait_for_news(&watch);
	}
	close(watch.notify_fd);
	vmgen_close(watch.device);
	return CTL_FAILED;
}
