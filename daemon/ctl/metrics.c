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
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/results.h"
#include "ctl/view/view.h"

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
	gauge(out, "rng_stale", "The kernel module could not have the generator reseed.",
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

static void print_all(FILE *out, const struct view *view)
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
	gauge(out, "vmgend_running", "Whether vmgend runs.", view->running);
	print_build(out, view);
	gauge(out, "handled", "Whether the last change was handled.", view->handled);
	gauge(out, "recorded", "Whether what vmgend did is on disk.", view->recorded);
	if (view->last)
		print_last_run(out, view);
}

/*
 * The directory may belong to whoever collects the metrics. Without links he chooses
 * nothing but what lies in his own.
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

static enum ctl_exit write_metrics(const struct view *view, const char *output)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (out)
		print_all(out, view);
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

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option != 'o')
			return CTL_USAGE;
		output = optarg;
	}
	if (!arguments_end(argc, argv, "metrics"))
		return CTL_USAGE;
	view_read(ctl, &view);
	code = write_metrics(&view, output);
	view_clear(&view);
	return code;
}
