/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What commands take from their command lines, and JSON that they answer with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base/commandline.h"
#include "base/json.h"
#include "base/text.h"

int arguments_option(int argc, char **argv, const struct option *table)
{
	return commandline_option("vmgenctl", argc, argv, false, table);
}

int arguments_word(int argc, char **argv, const char *what, const char *const *words)
{
	char list[COMMANDLINE_LIST_SIZE];
	int i;

	if (optind >= argc) {
		text_print(stderr, "vmgenctl: %s needs one more word: use %s\n", argv[0],
			   commandline_list(words, list));
		return -EINVAL;
	}
	for (i = 0; words[i]; i++)
		if (!strcmp(words[i], argv[optind]))
			break;
	if (!words[i]) {
		text_print(stderr, "vmgenctl: unknown %s \"%s\": use %s\n", what, argv[optind],
			   commandline_list(words, list));
		return -EINVAL;
	}
	optind++;
	return i;
}

bool arguments_end(int argc, char **argv, const char *command)
{
	if (optind >= argc)
		return true;
	text_print(stderr, "vmgenctl: unexpected argument \"%s\" for %s%s%s\n", argv[optind],
		   strcmp(argv[0], command) ? argv[0] : "", strcmp(argv[0], command) ? " " : "",
		   command);
	return false;
}

int arguments_only_json(int argc, char **argv, bool *ret_json)
{
	static const struct option table[] = {
		ARGUMENTS_JSON,
		{ .name = NULL },
	};
	bool json = false;
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option != 'j')
			return -EINVAL;
		json = true;
	}
	if (!arguments_end(argc, argv, argv[0]))
		return -EINVAL;
	*ret_json = json;
	return 0;
}

int64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int arguments_deadline(const char *text, int64_t *ret_deadline_ns)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= 1e9)) {
		text_print(stderr, "vmgenctl: --timeout: \"%s\" is not a number of seconds: use one such as 30 or 0.5\n", text);
		return -EINVAL;
	}
	*ret_deadline_ns = boottime_ns() + (int64_t)(seconds * 1e9);
	return 0;
}

static int print(struct json_object *json, int flags)
{
	char *text = json ? json_document(json, flags) : NULL;
	int r = text ? 0 : -ENOMEM;

	if (text)
		puts(text);
	else
		text_print(stderr, "vmgenctl: out of memory\n");
	free(text);
	json_object_put(json);
	return r;
}

int print_json_line(struct json_object *json)
{
	int r = print(json, JSON_C_TO_STRING_PLAIN);

	/* Somebody waits for it at the other end of a pipe. */
	fflush(stdout);
	return r;
}

int print_json(struct json_object *json)
{
	return print(json, JSON_C_TO_STRING_PRETTY);
}
