/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl prints of vmgend's files, which may be of another release, or damaged: each
 * command ends by itself, prints text that a terminal can show, JSON that a strict parser takes,
 * and metrics whose labels stay in their quotes.
 *
 * Input: status.json, outputs.json, the history, the settings of a hook and the name of another,
 * as parts.h has them.
 */
#include <getopt.h>
#include <poll.h>
#include <sys/prctl.h>

#include "base/json.h"
#include "captured.h"
#include "ctl/check/finding.h"
#include "ctl/ctl.h"
#include "ctl/view/results.h"
#include "ctl/view/vmgend.h"
#include "nasty.h"
#include "parts.h"
#include "place.h"
#include "../unit/shown.h"

#define RUNTIME	PLACE "/run"
#define STATE	PLACE "/state"
#define HOOKS	PLACE "/hooks"
#define CONFIG	PLACE "/vmgend.conf"

extern int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

static const struct ctl ctl = {
	.device = "/dev/vmgenid", .runtime_dir = RUNTIME, .state_dir = STATE, .config = CONFIG,
	.inventory = PLACE "/inventory",
};

static const char *const files[] = {
	RUNTIME "/status.json", RUNTIME "/outputs.json", STATE "/history",
	PLACE "/settings/50-repair.conf",
};

enum { N_FILES = sizeof(files) / sizeof(files[0]) };

static const struct {
	enum ctl_exit (*run)(const struct ctl *ctl, int argc, char **argv);
	const char *words[4];
	enum { WORDS, LINES, DOCUMENT, METRICS } form;
} commands[] = {
	{ ctl_status, { "status" }, WORDS },
	{ ctl_status, { "status", "--json" }, DOCUMENT },
	{ ctl_history, { "history" }, WORDS },
	{ ctl_history, { "history", "--json" }, LINES },
	{ ctl_hooks, { "hooks", "list" }, WORDS },
	{ ctl_hooks, { "hooks", "list", "--json" }, DOCUMENT },
	{ ctl_hooks, { "hooks", "why", "50-repair" }, WORDS },
	{ ctl_metrics, { "metrics" }, METRICS },
};

/* "NAME VALUE" or "NAME{LABEL="VALUE",...} VALUE", or a comment. */
static void demand_metric(const char *line)
{
	bool quoted = false;

	if (*line == '#')
		return;
	for (line += strcspn(line, "{ "); *line && (quoted || *line != ' '); line++) {
		if (*line == '\\')
			demand(quoted && *++line && strchr("\\\"n", *line));
		else if (*line == '"')
			quoted = !quoted;
	}
	demand(*line++ && *line && !line[strspn(line, "0123456789.e+-NaInf")]);
}

static void demand_lines(char *text, bool json)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!json)
			demand_metric(line);
		else if (*line == '{')
			demand_document(line, strlen(line));
}

static void try_command(size_t i)
{
	char *argv[5] = { NULL }, *text, *json;
	int argc = 0;

	for (; commands[i].words[argc]; argc++)
		argv[argc] = strdup(commands[i].words[argc]);
	optind = 0;
	captured_begin();
	(void)commands[i].run(&ctl, argc, argv);
	text = captured_end();
	demand(can_be_shown(text, strlen(text), "\n"));
	if (commands[i].form == METRICS || commands[i].form == LINES) {
		demand_lines(text, commands[i].form == LINES);
	} else if (commands[i].form == DOCUMENT) {
		/* What is wrong with hooks stands before it, on standard error. */
		json = *text == '{' ? text : strstr(text, "\n{");
		demand(json);
		demand_json(json);
	}
	free(text);
	while (argc--)
		free(argv[argc]);
}

/* The answer to vmgenctl trigger. */
static void try_answer(const char *rerun, bool as_json)
{
	struct json_object *status;
	bool running;
	char *text;

	if (vmgend_status(RUNTIME, &status, &running))
		return;
	captured_begin();
	(void)results_print(&ctl, status, rerun, as_json);
	text = captured_end();
	demand(can_be_shown(text, strlen(text), "\n"));
	free(text);
	json_object_put(status);
}

/* It watches until nobody takes what it prints. */
static ssize_t refuse(void *cookie, const char *text, size_t size)
{
	(void)cookie;
	demand(can_be_shown(text, size, "\n"));
	return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	(void)fds;
	(void)n;
	(void)timeout_ms;
	return 0;
}

static void try_watch(void)
{
	FILE *own = stdout, *full = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = refuse });
	char name[] = "watch", *argv[] = { name, NULL };

	demand(full);
	optind = 0;
	stdout = full;
	demand(ctl_watch(&ctl, 1, argv) == CTL_FAILED);
	stdout = own;
	fclose(full);
}

/* What vmgenctl check says of vmgend. */
static void try_check(void)
{
	struct findings findings = { .list = json_object_new_array() };
	struct view view;
	char *text;

	view_read(&ctl, &view);
	check_service(&ctl, &view, &findings);
	view_clear(&view);
	text = json_document(findings.list, JSON_C_TO_STRING_PLAIN);
	demand(text && can_be_shown(text, strlen(text), ""));
	demand_document(text, strlen(text));
	free(text);
	json_object_put(findings.list);
}

/* Process 1 is this one there, which is called vmgend. Takes the text. */
static char *be_vmgend(char *text)
{
	static const char init[] = "\"pid\":1,";
	char *pid = text ? strstr(text, init) : NULL, *own;

	if (!pid)
		return text;
	demand(asprintf(&own, "%.*s\"pid\":%d,%s", (int)(pid - text), text, (int)getpid(),
			pid + strlen(init)) > 0);
	free(text);
	return own;
}

/* Whatever a file of hooks.d can be called. Returns whether there is one. */
static bool make_hook(const char *name, char ret_path[PATH_MAX])
{
	if (!name || !*name || strlen(name) > NAME_MAX || strchr(name, '/') || *name == '.')
		return false;
	snprintf(ret_path, PATH_MAX, HOOKS "/%s", name);
	place_write(ret_path, "", 0);
	return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char config[] = "[vmgend]\nhook-path=" HOOKS "\nhook-settings=" PLACE "/settings\n";
	static const char script[] = "#!/bin/sh\n";

	(void)argc;
	(void)argv;
	place_create();
	demand(!prctl(PR_SET_NAME, "vmgend"));
	place_mkdir(RUNTIME);
	place_mkdir(STATE);
	place_mkdir(HOOKS);
	place_mkdir(PLACE "/settings");
	place_write(CONFIG, config, strlen(config));
	place_write(HOOKS "/50-repair", script, strlen(script));
	demand(!chmod(HOOKS "/50-repair", 0755));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { data, size };
	int before = count_descriptors();
	char *part, path[PATH_MAX];
	size_t i, length = 0;
	bool made;

	part = be_vmgend(part_take(&parts, &length));
	place_write(files[0], part, part ? strlen(part) : 0);
	free(part);
	for (i = 1; i < N_FILES; i++) {
		part = part_take(&parts, &length);
		place_write(files[i], part, length);
		free(part);
	}
	part = part_take(&parts, &length);
	made = make_hook(part, path);
	free(part);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		try_command(i);
	try_answer(NULL, false);
	try_answer("failed", false);
	try_answer("failed", true);
	try_check();
	try_watch();
	if (made)
		(void)unlink(path);
	demand(count_descriptors() == before);
	return 0;
}
