/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The runs that finished. The file is replaced as a whole, so that a power cut
 * leaves no half line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "json.h"
#include "paths.h"

enum {
	/* 200 runs of 5 hooks. */
	HISTORY_SIZE = 128 << 10,
	/* What a run of 1,000 hooks may add to it. */
	HISTORY_LIMIT = 2 * HISTORY_SIZE,
};

static int read_text(int dir_fd, char **ret_text)
{
	struct stat st;
	char *text;
	int r = file_read(dir_fd, NAME_HISTORY, HISTORY_LIMIT, &text, &st);

	if (r)
		return r;
	if (st.st_uid != geteuid()) {
		free(text);
		return -EPERM;
	}
	*ret_text = text;
	return 0;
}

/* Replaces the line break after the line by a zero byte. Returns NULL at the end. */
static struct json_object *next_line(char **text)
{
	char *line = strsep(text, "\n");

	return line && *line ? json_tokener_parse(line) : NULL;
}

int history_read(int dir_fd, struct json_object **ret_runs)
{
	struct json_object *runs, *run;
	struct record record;
	char *text, *rest;
	int r;

	r = read_text(dir_fd, &text);
	if (r)
		return r;
	runs = json_object_new_array();
	r = runs ? 0 : -ENOMEM;
	rest = text;
	while (!r && *rest) {
		run = next_line(&rest);
		r = json_object_is_type(run, json_type_object) && rest ?
		    record_from_json(run, &record) : -EBADMSG;
		if (!r) {
			record_clear(&record);
			r = json_object_array_add(runs, run) ? -ENOMEM : 0;
		}
		if (r)
			json_object_put(run);
	}
	free(text);
	if (r)
		json_object_put(runs);
	else
		*ret_runs = runs;
	return r;
}

static const char *to_line(struct json_object *run)
{
	return json_object_to_json_string_ext(run, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
}

static bool is_same(struct json_object *a, struct json_object *b)
{
	static const char *const keys[] = { "id_hash", "detected_usec" };
	struct json_object *x, *y;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_object_get_ex(a, keys[i], &x) ||
		    !json_object_object_get_ex(b, keys[i], &y) || !json_object_equal(x, y))
			return false;
	return true;
}

/* From the latest back, as many as fit; the latest in any case. */
static int write_runs(int state_fd, struct json_object *runs)
{
	size_t n = json_object_array_length(runs), first = n, used = 0, i;
	char *text, *end;
	int r;

	while (first) {
		size_t length = strlen(to_line(json_object_array_get_idx(runs, first - 1))) + 1;

		if (first < n && used + length > HISTORY_SIZE)
			break;
		used += length;
		first--;
	}
	text = malloc(used + 1);
	if (!text)
		return -ENOMEM;
	*text = '\0';
	end = text;
	for (i = first; i < n; i++)
		end = stpcpy(stpcpy(end, to_line(json_object_array_get_idx(runs, i))), "\n");
	r = file_replace(state_fd, NAME_HISTORY, text, 0600, FILE_DURABLE);
	free(text);
	return r;
}

int history_add(int state_fd, const struct record *run)
{
	struct json_object *runs = NULL, *json = record_to_json(run);
	size_t n;
	int r;

	if (!json)
		return -ENOMEM;
	r = history_read(state_fd, &runs);
	if (r == -ENOENT) {
		runs = json_object_new_array();
		r = runs ? 0 : -ENOMEM;
	}
	if (r)
		goto out;
	n = json_object_array_length(runs);
	/* Written, but then the power went before the state said so. */
	if (n && is_same(json_object_array_get_idx(runs, n - 1), json))
		goto out;
	r = json_object_array_add(runs, json) ? -ENOMEM : 0;
	if (r)
		goto out;
	json = NULL;
	r = write_runs(state_fd, runs);
out:
	json_object_put(json);
	json_object_put(runs);
	return r;
}
