/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The inventory: a line for each identity, and a look at where it would be.
 */
#include "identityfile.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define COMMAND		"command: "
#define HOOK		"hook "

enum { FILE_SIZE = 1 << 20, FIELDS = 5 };

const char *identity_state_name(enum identity_state state)
{
	static const char *const names[] = {
		[IDENTITY_ABSENT] = "absent", [IDENTITY_HERE] = "here",
		[IDENTITY_UNSEEN] = "unseen", [IDENTITY_ASK] = "ask",
	};

	return names[state];
}

/* Paths first, then a command that ends the field; either may be missing. */
static const char *split_where(char *where, struct identity *identity)
{
	char *command = strstr(where, COMMAND);
	const char *word;

	identity->where = where;
	identity->command = command ? command + strlen(COMMAND) : "";
	if (command && command > where && command[-1] != ' ')
		return "has no blank before \"command:\"";
	if (command)
		*command = '\0';
	for (word = where + strspn(where, " "); *word; word += strspn(word, " ")) {
		if (*word != '/')
			return "names a place that is no absolute path";
		word += strcspn(word, " ");
	}
	return command && !*identity->command ? "has an empty command" : NULL;
}

static const char *find_hook(struct identity *identity)
{
	const char *name = identity->renewal + strlen(HOOK);
	size_t length;

	if (strncmp(identity->renewal, HOOK, strlen(HOOK)))
		return NULL;
	length = strcspn(name, "; ");
	if (!length || length >= sizeof(identity->hook))
		return "names no hook after \"hook\"";
	memcpy(identity->hook, name, length);
	return NULL;
}

/* Takes the line apart. Returns what is wrong with it, or NULL. */
static const char *parse(char *line, struct identity *ret_identity)
{
	struct identity identity = { .hook = "" };
	char *fields[FIELDS], *rest = line;
	const char *wrong;
	size_t n = 0;

	while (n < FIELDS && rest) {
		fields[n] = strsep(&rest, "\t");
		if (!*fields[n++])
			return "has an empty field";
	}
	if (n < FIELDS || rest)
		return "has not five fields with a tab between them";
	if (fields[0][strspn(fields[0], "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return "has a name with other characters than a-z, 0-9 and \"-\"";
	identity.name = fields[0];
	identity.harm = fields[2];
	identity.renewal = fields[3];
	identity.source = fields[4];
	wrong = split_where(fields[1], &identity);
	if (!wrong)
		wrong = find_hook(&identity);
	if (!wrong)
		*ret_identity = identity;
	return wrong;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

static int parse_all(const char *path, struct identity_list *list,
		     char ret_error[IDENTITY_ERROR_SIZE])
{
	char *line, *rest = list->text;
	size_t number = 0;
	const char *wrong;

	while ((line = strsep(&rest, "\n"))) {
		number++;
		if (!*line || *line == '#')
			continue;
		wrong = parse(line, &list->items[list->n]);
		if (wrong) {
			snprintf(ret_error, IDENTITY_ERROR_SIZE, "%s, line %zu: %s", path, number,
				 wrong);
			return -EBADMSG;
		}
		list->n++;
	}
	return 0;
}

int identity_list_read(const char *path, struct identity_list *ret_list,
		       char ret_error[IDENTITY_ERROR_SIZE])
{
	struct identity_list list = { .text = NULL };
	int r;

	r = file_read(AT_FDCWD, path, FILE_SIZE, &list.text, NULL);
	if (!r) {
		list.items = calloc(count_lines(list.text), sizeof(*list.items));
		r = list.items ? 0 : -ENOMEM;
	}
	if (r)
		snprintf(ret_error, IDENTITY_ERROR_SIZE, "%s: %s", path, file_strerror(r));
	else
		r = parse_all(path, &list, ret_error);
	if (r)
		identity_list_clear(&list);
	else
		*ret_list = list;
	return r;
}

void identity_list_clear(struct identity_list *list)
{
	free(list->items);
	free(list->text);
	*list = (struct identity_list){ .text = NULL };
}

/* glob(3) has no argument for it: could a directory not be looked into? */
static bool forbidden;

static int note_error(const char *path, int error)
{
	(void)path;
	forbidden |= error == EACCES || error == EPERM;
	return 0;
}

/* Adds what matches to found. Without wildcards glob(3) would not tell why there is nothing. */
static void look_at(const char *pattern, struct identity_place *found)
{
	struct stat st;
	glob_t matches = { .gl_pathc = 0 };
	size_t n = 0;

	if (!strpbrk(pattern, "*?[")) {
		n = !lstat(pattern, &st);
		if (!n)
			(void)note_error(pattern, errno);
		else if (!found->path)
			found->path = strdup(pattern);
	} else if (!glob(pattern, GLOB_NOESCAPE, note_error, &matches)) {
		n = matches.gl_pathc;
		if (n && !found->path)
			found->path = strdup(matches.gl_pathv[0]);
	}
	globfree(&matches);
	found->n_others += n;
}

enum identity_state identity_look(const struct identity *identity,
				  struct identity_place *ret_place)
{
	struct identity_place found = { .path = NULL };
	char *copy, *pattern, *rest;

	forbidden = false;
	copy = strdup(identity->where);
	for (pattern = copy ? strtok_r(copy, " ", &rest) : NULL; pattern;
	     pattern = strtok_r(NULL, " ", &rest))
		look_at(pattern, &found);
	free(copy);
	if (!found.n_others) {
		if (forbidden)
			return IDENTITY_UNSEEN;
		return *identity->where ? IDENTITY_ABSENT : IDENTITY_ASK;
	}
	found.n_others--;
	if (ret_place)
		*ret_place = found;
	else
		free(found.path);
	return IDENTITY_HERE;
}
