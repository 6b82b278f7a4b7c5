/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What commands take from their command lines, and JSON that they answer with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arguments.h"
#include "base/json.h"
#include "base/text.h"

bool arguments_end(int argc, char **argv, const char *command)
{
	if (optind >= argc)
		return true;
	text_print(stderr, "vmgenctl: %s does not expect \"%s\"\n", command, argv[optind]);
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

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option != 'j')
			return -EINVAL;
		json = true;
	}
	if (!arguments_end(argc, argv, "this command"))
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
		text_print(stderr, "vmgenctl: \"%s\" is not a number of seconds\n", text);
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
