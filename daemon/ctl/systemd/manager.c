/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The service manager, as systemctl(1) tells of it. What counts is what the
 * manager has loaded: a unit file that it has not read yet does nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "base/systemd.h"
#include "manager.h"
#include "process/capture.h"

enum { OUTPUT_LIMIT_BYTES = 1 << 16 };

int manager_run(const char *const argv[], int timeout_ms, char *output, size_t size)
{
	/* Nothing of a hook's or a user's: not his bus, pager or language. */
	char path[PATH_MAX], *envp[] = { path, (char *)"LC_ALL=C", NULL };
	const char *own = getenv("PATH");

	snprintf(path, sizeof(path), "PATH=%s", own ? own : PATH_PROGRAMS);
	return capture_output(argv, envp, timeout_ms, output, size);
}

const char *manager_error(int error)
{
	switch (error) {
	case -ENOENT:
		return "systemd does not run here";
	case -ETIMEDOUT:
		return "systemd does not answer";
	default:
		return "systemd gives no answer that makes sense";
	}
}

bool manager_has_name(const struct manager_unit *unit, const char *name)
{
	char word[NAME_MAX + 3];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(unit->names, word);
}

/* What our drop-ins have, "sh -c test ! -e P || exec P WORDS", asks as P does. */
static void take_guarded(char **program, char **words)
{
	static const char test[] = "-c test ! -e ", then[] = " || exec ";
	char *tested = *words + strlen(test), *end, *slash;
	size_t n;

	if (strcmp(*program, "sh") || strncmp(*words, test, strlen(test)))
		return;
	n = strcspn(tested, " ");
	end = tested + n + strlen(then);
	if (strncmp(tested + n, then, strlen(then)) || strncmp(end, tested, n) || end[n] != ' ')
		return;
	tested[n] = '\0';
	if (access(tested, X_OK))
		return;
	slash = strrchr(tested, '/');
	*program = slash ? slash + 1 : tested;
	*words = end + n + 1;
}

/* One of "{ path=P ; argv[]=WORDS ; ignore_errors=no ; ..."; ret_words: after the first. */
static bool take_command(char *value, char **ret_program, char **ret_words)
{
	char *path = strstr(value, "path="), *words = strstr(value, "argv[]="), *end, *slash;

	end = words ? strstr(words, " ; ignore_errors=no ;") : NULL;
	if (!path || !end || path > words)
		return false;
	*end = '\0';
	path += strlen("path=");
	path[strcspn(path, " ")] = '\0';
	slash = strrchr(path, '/');
	*ret_program = slash ? slash + 1 : path;
	words += strlen("argv[]=");
	words += strcspn(words, " ");
	*ret_words = words + (*words == ' ');
	take_guarded(ret_program, ret_words);
	return true;
}

/* Of vmgend-samba-ad: words that change nothing about which fence it asks for, and whether. */
static bool samba_asks(const struct manager_unit *unit, const char *state_dir, char *words)
{
	static const char *const others[] = { "--prefix=", "--configfile=", "--guid-file=", "--no-unit" };
	const char *name = "samba-ad-dc.service", *directory = PATH_STATE_DIR;
	bool starts = false, known;
	char *word, *rest;
	size_t i;

	for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		known = !strcmp(word, "before-start");
		starts |= known;
		if (!strncmp(word, "--unit=", strlen("--unit="))) {
			name = word + strlen("--unit=");
			known = true;
		} else if (!strncmp(word, "--state-directory=", strlen("--state-directory="))) {
			directory = word + strlen("--state-directory=");
			known = true;
		}
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			known |= !strncmp(word, others[i], strlen(others[i]));
		if (!known)
			return false;
	}
	return starts && !strcmp(directory, state_dir) && !strcmp(name, unit->id);
}

/* Does this command fail while there is a fence? */
static bool command_asks(const struct manager_unit *unit, const char *state_dir, char *value)
{
	const char *fence_check = "fence check ";
	char *program, *words, option[PATH_MAX + 16];

	if (!take_command(value, &program, &words))
		return false;
	if (!strcmp(program, "vmgend-samba-ad"))
		return samba_asks(unit, state_dir, words);
	if (strcmp(program, "vmgenctl"))
		return false;
	snprintf(option, sizeof(option), "--state-dir=%s ", state_dir);
	if (!strncmp(words, option, strlen(option)))
		words += strlen(option);
	else if (strcmp(state_dir, PATH_STATE_DIR))
		return false;
	if (strncmp(words, fence_check, strlen(fence_check)))
		return false;
	words += strlen(fence_check);
	/* For a shell, which comes no further than that. */
	if (*words == '"') {
		words++;
		words[strcspn(words, "\"")] = '\0';
	}
	return manager_has_name(unit, words);
}

static const char *property(const char *output, const char *name)
{
	size_t n = strlen(name);
	const char *line;

	for (line = output; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && line[n] == '=')
			return line + n + 1;
	}
	return "";
}

bool manager_is(const char *output, const char *name, const char *value)
{
	const char *found = property(output, name);
	size_t n = strlen(value);

	return !strncmp(found, value, n) && (!found[n] || found[n] == '\n');
}

bool manager_block(const char **rest, char *ret_block, size_t size)
{
	const char *end = *rest ? strstr(*rest, "\n\n") : NULL;
	bool found = *rest && **rest;

	if (found)
		snprintf(ret_block, size, "%.*s", (int)(end ? end - *rest : (ptrdiff_t)strlen(*rest)),
			 *rest);
	*rest = end ? end + 2 : NULL;
	return found;
}

void manager_value(const char *output, const char *name, char *ret_value, size_t size)
{
	const char *value = property(output, name);
	size_t length = strcspn(value, "\n");

	snprintf(ret_value, size, "%.*s", length < size ? (int)length : 0, value);
}

/* The words of a list between blanks. What a shell would not take as it is has systemctl quoted. */
static void take_list(const char *value, size_t size, char *ret_words)
{
	size_t n = 1;
	bool quoted = false;

	ret_words[0] = ' ';
	for (; *value && *value != '\n' && n < size - 2; value++) {
		if (*value == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *value == '\\' && value[1] && value[1] != '\n')
			value++;
		ret_words[n++] = *value;
	}
	ret_words[n] = ' ';
	ret_words[n + 1] = '\0';
}

/* One that waits to be started again, or whose turn it is to ask, does nothing yet. */
static bool runs(const char *output)
{
	static const char *const waits[] = {
		"auto-restart", "auto-restart-queued", "condition", "start-pre",
	};
	size_t i;

	if (manager_is(output, "ActiveState", "inactive") ||
	    manager_is(output, "ActiveState", "failed"))
		return false;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (manager_is(output, "SubState", waits[i]))
			return false;
	return true;
}

static int parse(char *output, const char *state_dir, const char *drop_in,
		 struct manager_unit *ret_unit)
{
	struct manager_unit unit = { .asks = false };
	char *line, *rest, *name, word[PATH_MAX + 2], paths[PATH_MAX + 1024];

	if (strcspn(property(output, "Id"), "\n") > NAME_MAX ||
	    strcspn(property(output, "Names"), "\n") > MANAGER_NAMES_SIZE - 3)
		return -E2BIG;
	manager_value(output, "Id", unit.id, sizeof(unit.id));
	take_list(property(output, "Names"), sizeof(unit.names), unit.names);
	if (!*unit.id || !*property(output, "LoadState") || !*property(output, "ActiveState"))
		return -EBADMSG;
	unit.runs = runs(output);
	unit.exists = unit.runs || !manager_is(output, "LoadState", "not-found");
	unit.masked = manager_is(output, "LoadState", "masked");
	take_list(property(output, "DropInPaths"), sizeof(paths), paths);
	snprintf(word, sizeof(word), " %s ", drop_in);
	unit.has_drop_in = strstr(paths, word);
	name = strrchr(word, '/');
	unit.is_listed = !unit.has_drop_in && name && name[1] != ' ' && strstr(paths, name);
	for (line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, "ExecStartPre=", strlen("ExecStartPre=")))
			unit.asks |= command_asks(&unit, state_dir, line);
	*ret_unit = unit;
	return 0;
}

int manager_ask(const char *unit, const char *state_dir, const char *drop_in, int timeout_ms,
		struct manager_unit *ret_unit)
{
	const char *const argv[] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,Names,LoadState,ActiveState,SubState,DropInPaths,ExecStartPre",
		"--", unit, NULL,
	};
	char *output;
	int r;

	if (!systemd_runs())
		return -ENOENT;
	output = malloc(OUTPUT_LIMIT_BYTES);
	if (!output)
		return -ENOMEM;
	r = manager_run(argv, timeout_ms, output, OUTPUT_LIMIT_BYTES);
	if (!r)
		r = parse(output, state_dir, drop_in, ret_unit);
	free(output);
	return r > 0 ? -EIO : r;
}

int manager_reload(int timeout_ms)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	int r = systemd_runs() ? manager_run(argv, timeout_ms, NULL, 0) : -ENOENT;

	return r > 0 ? -EIO : r;
}
