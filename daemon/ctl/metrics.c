/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl metrics: the status in the text format of Prometheus, for the
 * textfile collector of node_exporter.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "config/config.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/identifier.h"
#include "ctl/view/results.h"
#include "ctl/view/view.h"
#include "record/fencefile.h"
#include "record/intentfile.h"
#include "record/statefile.h"

static void metric(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP vmgen_%s %s\n# TYPE vmgen_%s %s\n", name, help, name, type);
}

static void gauge(FILE *out, const char *name, const char *help, double value)
{
	metric(out, name, "gauge", help);
	fprintf(out, "vmgen_%s %.15g\n", name, value);
}

/* Of what firmware says of itself, only what needs no escape. */
static void print_label(FILE *out, const char *text)
{
	char *label = text_copy(TEXT_LABEL, text);

	fputs(label ?: "?", out);
	free(label);
}

static void print_device(FILE *out, const struct view *view)
{
	const struct {
		const char *kind;
		uint64_t count;
	} found[] = {
		{ "call", view->info.found_by_call },
		{ "resume", view->info.found_by_resume },
		{ "timer", view->info.found_by_timer },
	};
	size_t i;

	gauge(out, "generation", "Generation of the kernel module; starts again when it is loaded.",
	      view->event.generation);
	metric(out, "changes_total", "counter", "Changes since the kernel module was loaded.");
	fprintf(out, "vmgen_changes_total %" PRIu64 "\n", view->info.changes);
	metric(out, "changes_found_total", "counter",
	       "Changes that no notification announced, by what found them.");
	for (i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		fprintf(out, "vmgen_changes_found_total{by=\"%s\"} %" PRIu64 "\n",
			found[i].kind, found[i].count);
	metric(out, "spurious_notifies_total", "counter", "Notifications without a change.");
	fprintf(out, "vmgen_spurious_notifies_total %" PRIu64 "\n", view->info.spurious_notifies);
	gauge(out, "rng_stale", "The kernel module could not reseed the generator.",
	      view->event.flags & VMGEN_RNG_STALE ? 1 : 0);
	gauge(out, "rng_other", "Programs may draw from another generator than the one that is reseeded.",
	      view_rng_other(view));
}

static void print_hooks(FILE *out, struct json_object *hooks)
{
	const char *outcome;
	uint64_t duration;

	metric(out, "last_run_hook_success", "gauge", "Whether a hook of the last run did what it should.");
	json_object_object_foreach(hooks, name, hook) {
		if (json_get_text(hook, "outcome", &outcome))
			outcome = "?";
		fputs("vmgen_last_run_hook_success{hook=\"", out);
		print_label(out, name);
		fputs("\",outcome=\"", out);
		print_label(out, outcome);
		fprintf(out, "\"} %d\n", result_good(hook));
	}
	metric(out, "last_run_hook_seconds", "gauge", "How long a hook of the last run took.");
	json_object_object_foreach(hooks, timed, result)
		if (!json_get_number(result, "duration_ms", &duration)) {
			fputs("vmgen_last_run_hook_seconds{hook=\"", out);
			print_label(out, timed);
			fprintf(out, "\"} %.3f\n", duration / 1000.0);
		}
}

static void print_last_run(FILE *out, const struct view *view)
{
	uint64_t detected = 0, duration;
	const char *event = "?";

	/* By the clock as it was set meanwhile, if it was. */
	if (json_get_number(view->last, "detected_corrected_usec", &detected))
		(void)json_get_number(view->last, "detected_usec", &detected);
	(void)json_get_text(view->last, "event", &event);
	metric(out, "last_run_detected_timestamp_seconds", "gauge",
	       "When the change was detected that was handled last.");
	fputs("vmgen_last_run_detected_timestamp_seconds{event=\"", out);
	print_label(out, event);
	fprintf(out, "\"} %.3f\n", detected / 1e6);
	if (!json_get_number(view->last, "duration_usec", &duration))
		gauge(out, "last_run_seconds", "How long that took.", duration / 1e6);
	gauge(out, "last_run_reseeded", "Whether the kernel's generator was reseeded then.",
	      !view->reseed_errno);
	gauge(out, "last_run_failures", "How many hooks failed.",
	      view->n_failures + view->incomplete);
	if (view->hooks)
		print_hooks(out, view->hooks);
}

/*
 * A number that no other output has. Machines with one ID may be clones whose generators have
 * not parted yet, so the clocks go in too.
 */
static uint64_t draw(void)
{
	struct {
		uint8_t random[VMGEN_ID_SIZE];
		struct timespec real, boot;
	} parts = { .random = { 0 } };
	uint8_t mixed[VMGEN_ID_SIZE];
	uint64_t number;

	(void)!getrandom(parts.random, sizeof(parts.random), GRND_NONBLOCK);
	(void)clock_gettime(CLOCK_REALTIME, &parts.real);
	(void)clock_gettime(CLOCK_BOOTTIME, &parts.boot);
	hash_bytes(&parts, sizeof(parts), mixed);
	memcpy(&number, mixed, sizeof(number));
	/* What a double can hold. */
	return number >> 16;
}

static void print_id(FILE *out, const struct ctl *ctl, const struct view *view)
{
	char hash[HASH_METRIC_SIZE];

	identifier_metric(ctl, view, hash);
	if (!*hash)
		return;
	metric(out, "id_info", "gauge", "A hash of the generation ID; always 1.");
	fprintf(out, "vmgen_id_info{id_hash=\"%s\"} 1\n", hash);
	metric(out, "id_draw", "gauge", "Drawn again for each output: two machines with one ID differ in it.");
	fprintf(out, "vmgen_id_draw{id_hash=\"%s\"} %" PRIu64 "\n", hash, draw());
}

struct fences {
	FILE *out;
	unsigned int n;
};

static int print_fence(const char *unit, const struct fence *fence, void *context)
{
	struct fences *fences = context;

	(void)fence;
	fputs("vmgen_fenced{unit=\"", fences->out);
	print_label(fences->out, unit);
	fputs("\"} 1\n", fences->out);
	fences->n++;
	return 0;
}

/* Only root may look; who may not says nothing. */
static void print_fences(FILE *out, const struct ctl *ctl)
{
	struct fences fences = { .n = 0 };
	char *text = NULL;
	size_t size;

	fences.out = open_memstream(&text, &size);
	if (!fences.out)
		return;
	if (!fence_each(ctl->state_dir, print_fence, &fences)) {
		(void)fclose(fences.out);
		metric(out, "fenced", "gauge", "A unit that is fenced; always 1.");
		fputs(text ?: "", out);
		gauge(out, "fences", "How many units are fenced.", fences.n);
	} else {
		(void)fclose(fences.out);
	}
	free(text);
}

/* Returns what is declared of the next change, "" for nothing, or NULL: this user may not know. */
static const char *find_intent(const struct ctl *ctl, const char *dropped, char word[RECORD_WORD_SIZE])
{
	char error[INTENT_ERROR_SIZE];
	struct state state = { .boot_id = "" };
	bool declared, spent;
	int fd, r;

	fd = open(ctl->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? "" : NULL;
	spent = !state_load(fd, &state, NULL) && state.intent_spent;
	state_clear(&state);
	r = intent_read(fd, dropped, word, &declared, error);
	close(fd);
	if (spent || (!r && !declared))
		return "";
	return r ? "unusable" : word;
}

static void print_intent(FILE *out, const struct ctl *ctl)
{
	char word[RECORD_WORD_SIZE], error[SETTINGS_ERROR_SIZE];
	const char *intent = NULL;
	struct config config;

	if (config_init(&config))
		return;
	if (!config_read(&config, ctl->config, false, error))
		intent = find_intent(ctl, config.intent_file, word);
	config_clear(&config);
	if (!intent)
		return;
	metric(out, "intent", "gauge", "Whether the next change has a declared intent.");
	if (*intent)
		fprintf(out, "vmgen_intent{intent=\"%s\"} 1\n", intent);
	else
		fputs("vmgen_intent 0\n", out);
}

/* By the name that such a metric has everywhere: the program's, not that of all the others. */
static void print_build(FILE *out, const struct view *view)
{
	const char *version;

	if (!view->running || json_get_text(view->vmgend, "release", &version))
		return;
	fputs("# HELP vmgend_build_info The vmgend that runs; always 1.\n"
	      "# TYPE vmgend_build_info gauge\n"
	      "vmgend_build_info{version=\"", out);
	print_label(out, version);
	fputs("\"} 1\n", out);
}

static void print_all(FILE *out, const struct ctl *ctl, const struct view *view)
{
	enum ctl_exit verdict = view_verdict(view);

	gauge(out, "protected", "Whether this machine is protected.",
	      verdict == CTL_OK || verdict == CTL_NOT_HANDLED || verdict == CTL_DEGRADED);
	gauge(out, "verdict", "Exit status of vmgenctl status; 0: all is well.", verdict);
	metric(out, "device", "gauge", "What there is of the device; always 1.");
	fprintf(out, "vmgen_device{state=\"%s\",hid=\"", view_device(view));
	print_label(out, view->info.hid);
	fputs("\"} 1\n", out);
	if (view->guest == GUEST_READY)
		print_device(out, view);
	print_id(out, ctl, view);
	gauge(out, "vmgend_running", "Whether vmgend runs.", view->running);
	print_build(out, view);
	gauge(out, "handled", "Whether the last change was handled.", view->handled);
	gauge(out, "recorded", "Whether what vmgend did is on disk.", view->recorded);
	if (view->last)
		print_last_run(out, view);
	print_fences(out, ctl);
	print_intent(out, ctl);
}

/*
 * The directory may belong to the user who collects the metrics. Without links he
 * chooses nothing but what lies in his own.
 */
static int open_directory(const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	int fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int replace(const char *path, const char *text)
{
	char *directory = strdup(path), *name = strdup(path);
	int fd, r = -ENOMEM;

	if (!directory || !name)
		goto out;
	fd = open_directory(dirname(directory));
	r = fd < 0 ? fd : file_replace(fd, basename(name), text, 0644, FILE_ATOMIC);
	if (fd >= 0)
		close(fd);
out:
	free(directory);
	free(name);
	return r;
}

static enum ctl_exit write_metrics(const struct ctl *ctl, const struct view *view,
				   const char *output)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (out)
		print_all(out, ctl, view);
	if (!out || fclose(out)) {
		text_print(stderr, "vmgenctl: out of memory\n");
		free(text);
		return CTL_FAILED;
	}
	if (output)
		r = replace(output, text);
	else
		r = fputs(text, stdout) < 0 || fflush(stdout) ? -EIO : 0;
	free(text);
	if (!r)
		return CTL_OK;
	text_print(stderr, "vmgenctl: cannot write %s: %s\n", output ?: "the metrics", r == -ELOOP ?
		   "a symbolic link in its path is not followed (give the path that realpath prints)" :
		   file_strerror(r));
	return CTL_FAILED;
}

enum ctl_exit ctl_metrics(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "output", required_argument, NULL, 'o' },
		{ .name = NULL },
	};
	const char *output = NULL;
	enum ctl_exit code;
	struct view view;
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option != 'o')
			return CTL_USAGE;
		output = optarg;
	}
	if (!arguments_end(argc, argv, "metrics"))
		return CTL_USAGE;
	view_read(ctl, &view);
	code = write_metrics(ctl, &view, output);
	view_clear(&view);
	return code;
}
