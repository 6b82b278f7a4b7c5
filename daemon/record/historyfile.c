/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The runs that finished. The file is replaced as a whole, so that a power cut
 * leaves no half line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/paths.h"
#include "historyfile.h"

enum {
	/* 200 runs of 5 hooks. */
	HISTORY_SIZE = 128 << 10,
	/* The latest run is kept in any size; the state limits that. */
	HISTORY_LIMIT = HISTORY_SIZE + (1 << 20),
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

	return line && *line ? json_parse(line) : NULL;
}

int history_read(const char *state_dir, struct json_object **ret_runs)
{
	struct json_object *runs, *run;
	struct record record;
	char *text, *rest;
	int fd, r;

	/* To look must not make the directory, nor wait for who changes it. */
	fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_text(fd, &text);
	close(fd);
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

/*
 * Is the run that begins here the same? It was written, but then the power went before the
 * state said so; or some of its hooks ran again.
 */
static int is_same(const char *line, const struct record *run, bool *ret_same)
{
	struct json_object *json = json_parse(line);
	struct record last;
	int r;

	r = json_object_is_type(json, json_type_object) ? record_from_json(json, &last) : -EBADMSG;
	json_object_put(json);
	if (r)
		return r;
	*ret_same = last.detected_usec == run->detected_usec && !strcmp(last.id_hash, run->id_hash);
	record_clear(&last);
	return 0;
}

/*
 * Removes the last line if it is of the same run. Only that is parsed: the whole would
 * take the daemon a megabyte.
 */
static int cut_same(char *text, const struct record *run)
{
	size_t length = strlen(text);
	char *line;
	bool same;
	int r;

	if (!length)
		return 0;
	if (text[length - 1] != '\n')
		return -EBADMSG;
	line = memrchr(text, '\n', length - 1);
	line = line ? line + 1 : text;
	r = is_same(line, run, &same);
	if (!r && same)
		*line = '\0';
	return r;
}

/* From the latest back, as many as fit beside the new one. */
static int write_runs(int state_fd, const char *text, const char *line)
{
	size_t room = strlen(line) < HISTORY_SIZE ? HISTORY_SIZE - strlen(line) : 0;
	char *joined;
	int r;

	while (strlen(text) >= room && *text)
		text = strchr(text, '\n') + 1;
	if (asprintf(&joined, "%s%s\n", text, line) < 0)
		return -ENOMEM;
	r = file_replace(state_fd, NAME_HISTORY, joined, 0600, FILE_DURABLE);
	free(joined);
	return r;
}

int history_add(int state_fd, const struct record *run)
{
	struct json_object *json;
	char *text = NULL;
	char *line;
	int r;

	json = record_to_json(run, RECORD_WHOLE);
	line = json ? json_document(json, JSON_C_TO_STRING_PLAIN) : NULL;
	if (!line) {
		json_object_put(json);
		return -ENOMEM;
	}
	r = read_text(state_fd, &text);
	if (r == -ENOENT)
		r = write_runs(state_fd, "", line);
	else if (!r)
		r = cut_same(text, run);
	if (!r && text)
		r = write_runs(state_fd, text, line);
	free(text);
	free(line);
	json_object_put(json);
	return r;
}
