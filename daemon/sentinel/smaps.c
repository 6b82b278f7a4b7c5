/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A parser of smaps: a header, lines "Name: value", and at last "VmFlags:", again and
 * again.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smaps.h"

#define FLAGS		"VmFlags:"
#define SYSGENID	"/sysgenid"
#define DELETED		" (deleted)"

/* Takes a number in hexadecimal digits and the character behind it. */
static bool take_hex(const char **text, char behind, uint64_t *ret_number)
{
	char *end;

	if (!isxdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret_number = strtoull(*text, &end, 16);
	if (errno || *end != behind)
		return false;
	*text = end + 1;
	return true;
}

static bool take_letter(const char **text, char letter, char other, bool *ret_set)
{
	*ret_set = **text == letter;
	return *(*text)++ == letter || (*text)[-1] == other;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

/* "5555-6666 rw-p 00000000 00:00 0     name" */
static bool read_header(const char *line, struct smaps_mapping *ret_mapping)
{
	struct smaps_mapping mapping = { .start = 0 };
	uint64_t minor;
	char *name;

	if (!take_hex(&line, '-', &mapping.start) || !take_hex(&line, ' ', &mapping.end) ||
	    mapping.start >= mapping.end ||
	    !take_letter(&line, 'r', '-', &mapping.readable) ||
	    !take_letter(&line, 'w', '-', &mapping.writable) ||
	    !take_letter(&line, 'x', '-', &mapping.executable) ||
	    !take_letter(&line, 's', 'p', &mapping.shared) || *line++ != ' ' ||
	    !take_hex(&line, ' ', &mapping.offset) || !take_hex(&line, ':', &mapping.device) ||
	    !take_hex(&line, ' ', &minor) || !isdigit((unsigned char)*line))
		return false;
	mapping.device = mapping.device << 32 | minor;
	errno = 0;
	mapping.inode = strtoull(line, &name, 10);
	if (errno || (*name && *name != ' '))
		return false;
	name += strspn(name, " ");
	mapping.anonymous = !mapping.device && !mapping.inode &&
			    (!*name || !strncmp(name, "[anon:", 6));
	mapping.sysgenid = *name == '/' &&
			   (ends_with(name, SYSGENID) || ends_with(name, SYSGENID DELETED));
	*ret_mapping = mapping;
	return true;
}

/* Two letters each, with blanks between them. */
static bool read_flags(const char *text, struct smaps_mapping *mapping)
{
	while (*(text += strspn(text, " "))) {
		if (!isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[1]) ||
		    (text[2] && text[2] != ' '))
			return false;
		mapping->wiped |= !strncmp(text, "wf", 2);
		mapping->droppable |= !strncmp(text, "dp", 2);
		text += 2;
	}
	return true;
}

static bool is_value(const char *line)
{
	size_t length = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");

	return length && line[length] == ':';
}

static int end_line(struct smaps *smaps, int (*found)(void *, const struct smaps_mapping *),
		    void *context)
{
	/* Of what is longer, the beginning and the end are kept. */
	smaps->line[smaps->length < SMAPS_LINE_SIZE ? smaps->length : SMAPS_LINE_SIZE - 1] = '\0';
	smaps->length = 0;
	if (!smaps->begun) {
		smaps->begun = read_header(smaps->line, &smaps->mapping);
		return smaps->begun ? 0 : -EBADMSG;
	}
	if (strncmp(smaps->line, FLAGS, strlen(FLAGS)))
		return is_value(smaps->line) ? 0 : -EBADMSG;
	smaps->begun = false;
	if (!read_flags(smaps->line + strlen(FLAGS), &smaps->mapping))
		return -EBADMSG;
	return found(context, &smaps->mapping);
}

/* The head of a header has room in half of the line, and the end of a path in the rest. */
static void add(struct smaps *smaps, char c)
{
	char *rest = smaps->line + SMAPS_LINE_SIZE / 2;

	if (smaps->length >= SMAPS_LINE_SIZE - 1) {
		memmove(rest, rest + 1, SMAPS_LINE_SIZE / 2 - 2);
		smaps->line[SMAPS_LINE_SIZE - 2] = c;
	} else {
		smaps->line[smaps->length] = c;
	}
	smaps->length++;
}

int smaps_take(struct smaps *smaps, const char *text, size_t size,
	       int (*found)(void *context, const struct smaps_mapping *mapping), void *context)
{
	const char *end = text + size;
	int r = 0;

	for (; !r && text < end; text++)
		if (*text == '\n')
			r = end_line(smaps, found, context);
		else
			add(smaps, *text);
	return r;
}
