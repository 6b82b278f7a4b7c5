/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "trust.h"
#include "unitlist.h"
#include "unitname.h"

#define BLANKS " \t\r\n\v\f"

/* What would not fit is left out as a whole, and then other lines tell enough. */
static void __attribute__((format(printf, 2, 3)))
add_fault(struct unitlist *list, const char *format, ...)
{
	size_t used = strlen(list->faults);
	char text[1024], safe[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_safe(text, safe, sizeof(safe));
	if (strlen(safe) + 2 <= sizeof(list->faults) - used)
		snprintf(list->faults + used, sizeof(list->faults) - used, "%s\n", safe);
}

const struct unitlist_entry *unitlist_find(const struct unitlist *list, const char *unit)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (!strcmp(list->entries[i].unit, unit))
			return &list->entries[i];
	return NULL;
}

/* One that is listed by its name and excepted is a mistake: nobody can tell what is meant. */
static void take_again(struct unitlist *list, const char *path, const struct unitlist_entry *entry)
{
	const struct unitlist_entry *first = unitlist_find(list, entry->unit);

	if (first->excepted != entry->excepted)
		add_fault(list, "%s, line %u: line %u says the opposite of %s: take one out", path,
			  entry->line, first->line, entry->unit);
}

static void take_line(struct unitlist *list, const char *path, enum unitlist_kind kind,
		      unsigned int number, char *line)
{
	char *rest, *word = strtok_r(line, BLANKS, &rest), *next;
	struct unitlist_entry entry = { .line = number };

	if (!word || *word == '#')
		return;
	next = strtok_r(NULL, BLANKS, &rest);
	if (kind == UNITLIST_AUTO && *word == '!') {
		entry.excepted = true;
		word++;
	}
	if (next && *next != '#')
		add_fault(list, "%s, line %u: has more than one unit: write each in a line of its own",
			  path, number);
	else if (kind == UNITLIST_AUTO && !entry.excepted && !strcmp(word, "auto"))
		list->automatic = list->automatic ?: number;
	else if (unitname_complete(word, entry.unit))
		add_fault(list, "%s, line %u: \"%.300s\" is not the name of a unit", path, number,
			  word);
	else if (unitlist_find(list, entry.unit))
		take_again(list, path, &entry);
	else if (list->n == UNITLIST_MAX)
		add_fault(list, "%s, line %u: is one more than the %d units that are possible",
			  path, number, UNITLIST_MAX);
	else
		list->entries[list->n++] = entry;
}

static void read_lines(struct unitlist *list, const char *path, enum unitlist_kind kind, FILE *file)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	errno = 0;
	while ((length = getline(&line, &size, file)) >= 0) {
		number++;
		/* It would hide the rest of its line. */
		if (strlen(line) != (size_t)length)
			add_fault(list, "%s, line %u: holds a zero byte: save the file as UTF-8", path,
				  number);
		else
			take_line(list, path, kind, number, line);
	}
	free(line);
	if (!feof(file)) {
		list->n = 0;
		list->automatic = 0;
		add_fault(list, "%s: cannot read on: %s", path, strerror(errno));
	}
}

void unitlist_read(const char *path, enum unitlist_kind kind, struct unitlist *ret_list)
{
	char reason[512];
	FILE *file;
	int fd, r;

	ret_list->n = 0;
	ret_list->automatic = 0;
	ret_list->faults[0] = '\0';
	r = trust_open(path, O_RDONLY, &fd, reason, sizeof(reason));
	if (r) {
		if (r != -ENOENT)
			add_fault(ret_list, "%s: nothing of it is used", reason);
		return;
	}
	file = fdopen(fd, "r");
	if (!file) {
		add_fault(ret_list, "%s: %s", path, strerror(errno));
		close(fd);
		return;
	}
	read_lines(ret_list, path, kind, file);
	fclose(file);
}
