/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Services that have the device and may not open it.
 */
#include "ssldevice.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/paths.h"
#include "base/systemd.h"
#include "base/text.h"
#include "base/unitname.h"
#include "ctl/systemd/manager.h"
#include "sslchange.h"
#include "ssldropin.h"
#include "sslservice.h"

#define DROP_IN		"vmgen-openssl-device.conf"
#define DROP_IN_TEXT \
	"# Written by \"vmgenctl openssl enable\"; \"disable\" removes it.\n" \
	"[Service]\nDeviceAllow=" PATH_DEVICE " r\n"
/* A template is asked for by an instance, which so is loaded for a moment. */
#define INSTANCE	"@vmgen.service"
#define TEMPLATE	"@.service"

enum {
	ANSWER_SIZE = 1 << 18,
	BLOCK_SIZE = 1 << 16,
	/* Units that are asked for at once, and what systemd has for all of them. */
	AT_ONCE = 32,
	TOTAL_MS = 180000,
	/* Times that systemctl is asked: it gives up by itself where systemd has too much to do. */
	TRIES = 3,
	FIXED_WORDS = 5,
};

struct survey {
	int64_t deadline;
	/* Write drop-ins; otherwise those who miss one are an error. */
	bool writes;
	bool has_written;
	char answer[ANSWER_SIZE], block[BLOCK_SIZE];
};

/* "DeviceAllow=char-rtc r", of one line. */
static bool lets_open(const char *line)
{
	static const char *const nodes[] = { PATH_DEVICE " ", "char-misc ", "char-* " };
	size_t i;

	line += strlen("DeviceAllow=");
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (strncmp(line, nodes[i], strlen(nodes[i])))
			continue;
		line += strlen(nodes[i]);
		return memchr(line, 'r', strcspn(line, "\n"));
	}
	return false;
}

/* Returns the next line that begins so, or NULL. */
static const char *find_line(const char *text, const char *begin)
{
	while (text && *text && strncmp(text, begin, strlen(begin))) {
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return text && *text ? text : NULL;
}

/*
 * ProtectClock= alone forbids nothing with some versions of systemd: a drop-in would, as one
 * device that is allowed forbids all others. So what counts is what the manager makes of it.
 * With PrivateDevices= there is no node, so the provider does without.
 */
static bool is_kept_out(const char *block)
{
	const char *line = find_line(block, "DeviceAllow=");
	bool listed = line != NULL;

	for (; line; line = find_line(strchr(line, '\n'), "DeviceAllow="))
		if (lets_open(line))
			return false;
	return manager_is(block, "PrivateDevices", "no") &&
	       (listed || manager_is(block, "DevicePolicy", "closed") ||
		manager_is(block, "DevicePolicy", "strict"));
}

/*
 * Is this program linked with it? In a process of its own, for the file may be on a disk that
 * does not answer; then it counts as if it were, which does no harm.
 */
static bool is_linked(const char *path)
{
	const char *const argv[] = {
		"grep", "-qaE", "-D", "skip", "-e", "lib(crypto|ssl)\\.so\\.", "--", path, NULL,
	};
	int r = manager_run(argv, MANAGER_QUICK_MS, NULL, 0);

	return !r || r == -ETIMEDOUT;
}

static bool uses_openssl(const char *block)
{
	static const char begin[] = "ExecStart={ path=";
	const char *line = find_line(block, begin), *end;
	char path[PATH_MAX];

	for (; line; line = find_line(line, begin)) {
		line += strlen(begin);
		end = strstr(line, " ; argv[]=");
		if (!end || end - line >= PATH_MAX)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)(end - line), line);
		if (is_linked(path))
			return true;
	}
	return false;
}

static enum ctl_exit allow(const char *unit)
{
	char path[PATH_MAX];
	enum ctl_exit code = ssldropin_put(unit, DROP_IN, DROP_IN_TEXT);

	if (code)
		return code;
	ssldropin_path(unit, DROP_IN, path);
	text_print(stdout, "%s may open " PATH_DEVICE " from its next start on, by %s\n", unit, path);
	return CTL_OK;
}

static enum ctl_exit take_block(struct survey *survey)
{
	char id[NAME_MAX + 1], unit[NAME_MAX + 1];
	size_t length;

	manager_value(survey->block, "Id", id, sizeof(id));
	length = strlen(id);
	if (length > strlen(INSTANCE) && !strcmp(id + length - strlen(INSTANCE), INSTANCE))
		strcpy(id + length - strlen(INSTANCE), TEMPLATE);
	if (unitname_complete(id, unit) || !is_kept_out(survey->block) || !uses_openssl(survey->block))
		return CTL_OK;
	if (!survey->writes)
		return sslchange_refuse("%s may still not open " PATH_DEVICE ", so nothing was changed: "
					"add DeviceAllow=" PATH_DEVICE " r where systemctl cat %s has it last", unit, unit);
	survey->has_written = true;
	return allow(unit);
}

static int run(struct survey *survey, const char *const argv[])
{
	int tries = TRIES, r;

	do
		r = manager_run(argv, deadline_left(survey->deadline), survey->answer, sizeof(survey->answer));
	while (r > 0 && --tries);
	return r;
}

static enum ctl_exit refuse(int r)
{
	return sslchange_refuse("which services may not open " PATH_DEVICE
				" cannot be told, so nothing was changed: %s: run this again", manager_error(r));
}

/* argv: with room for the fixed words before the units. */
static enum ctl_exit ask(struct survey *survey, const char *argv[])
{
	static const char *const fixed[FIXED_WORDS] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,PrivateDevices,DevicePolicy,DeviceAllow,ExecStart", "--",
	};
	enum ctl_exit code = CTL_OK;
	const char *rest;
	int r;

	memcpy(argv, fixed, sizeof(fixed));
	r = run(survey, argv);
	if (r)
		return refuse(r);
	for (rest = survey->answer; !code && manager_block(&rest, survey->block, sizeof(survey->block));)
		code = take_block(survey);
	return code;
}

/* list: a line for each unit that is installed, which begins with its name; is taken apart. */
static enum ctl_exit ask_all(struct survey *survey, char *list)
{
	char units[AT_ONCE][NAME_MAX + sizeof(INSTANCE)], *line, *rest, *at;
	const char *argv[FIXED_WORDS + AT_ONCE + 1];
	enum ctl_exit code = CTL_OK;
	size_t n = 0;

	for (line = strtok_r(list, "\n", &rest); line && !code; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, " ")] = '\0';
		if (strlen(line) > NAME_MAX)
			continue;
		at = strstr(line, TEMPLATE);
		snprintf(units[n], sizeof(units[n]), "%.*s%s", (int)(at ? at - line : (ptrdiff_t)strlen(line)), line,
			 at ? INSTANCE : "");
		argv[FIXED_WORDS + n] = units[n];
		argv[FIXED_WORDS + ++n] = NULL;
		if (n < AT_ONCE)
			continue;
		code = ask(survey, argv);
		n = 0;
	}
	return code || !n ? code : ask(survey, argv);
}

static enum ctl_exit look_at_all(struct survey *survey, bool writes)
{
	const char *const argv[] = {
		"systemctl", "list-unit-files", "--no-pager", "--no-legend", "--full", "--type=service", NULL,
	};
	enum ctl_exit code;
	char *list;
	int r;

	survey->writes = writes;
	r = run(survey, argv);
	if (r)
		return refuse(r);
	list = strdup(survey->answer);
	code = list ? ask_all(survey, list) : sslchange_refuse("%s", strerror(ENOMEM));
	free(list);
	return code;
}

enum ctl_exit ssldevice_allow(void)
{
	struct survey *survey;
	enum ctl_exit code;
	int r;

	if (!systemd_runs())
		return CTL_OK;
	survey = calloc(1, sizeof(*survey));
	if (!survey)
		return sslchange_refuse("%s", strerror(ENOMEM));
	survey->deadline = deadline_in(TOTAL_MS);
	code = look_at_all(survey, true);
	if (!code && survey->has_written) {
		r = manager_reload(MANAGER_PATIENT_RELOAD_MS);
		survey->deadline = deadline_in(TOTAL_MS);
		code = r ? refuse(r) : look_at_all(survey, false);
	}
	free(survey);
	return code;
}

enum ctl_exit ssldevice_allow_service(const char *unit)
{
	const char *const argv[] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,PrivateDevices,DevicePolicy,DeviceAllow", "--", unit, NULL,
	};
	char answer[BLOCK_SIZE];
	int r = manager_run(argv, MANAGER_PATIENT_MS, answer, sizeof(answer));

	if (r)
		return refuse(r);
	return is_kept_out(answer) ? allow(unit) : CTL_OK;
}

static enum ctl_exit forbid(void *context, const char *unit)
{
	bool *removed = context, was_there = false;
	enum ctl_exit code = sslservice_is_enabled(unit) ? CTL_OK :
		ssldropin_remove(unit, DROP_IN, DROP_IN_TEXT, &was_there);

	*removed |= was_there && !code;
	return code;
}

enum ctl_exit ssldevice_forbid(void)
{
	bool removed = false;
	enum ctl_exit code = ssldropin_each(DROP_IN, forbid, &removed);
	int r = removed ? manager_reload(MANAGER_PATIENT_RELOAD_MS) : 0;

	return r ? sslchange_refuse("%s, so services may open " PATH_DEVICE " until it does: systemctl daemon-reload",
				    manager_error(r)) : code;
}

enum ctl_exit ssldevice_forbid_service(const char *unit)
{
	bool removed;

	return access(SSLCONF_SYSTEM, F_OK) ? ssldropin_remove(unit, DROP_IN, DROP_IN_TEXT, &removed) : CTL_OK;
}
