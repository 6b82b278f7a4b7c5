/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * INI files with one section and a table of known keys. libinih does not tell
 * its handler the line, so the reader that feeds it counts; and as distributions
 * build it, it takes no line of 200 bytes. So the reader leaves out comments,
 * and gives it what is longer in pieces, as a value that goes on in indented lines.
 * Brackets around each keep what is at its ends from being taken for something else.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "settings.h"

enum {
	/* Far more than all paths that a value may name. */
	LINE_LIMIT = 32768,
	FILE_LIMIT = 1 << 20,
};

#define BRACKET	"\1"

struct parser {
	FILE *file;
	const char *path;
	const char *section;
	const struct setting *table;
	void *target;
	unsigned int line;
	/* The line, and what of it libinih has not got yet; NULL: nothing. */
	char *text;
	size_t size;
	const char *rest;
	/* The pieces of the value that libinih has given back. */
	char *value;
	int error;
	char *message;
};

/* Keeps the first error: the later ones often follow from it. */
static void __attribute__((format(printf, 3, 4)))
fail(struct parser *parser, int error, const char *format, ...)
{
	va_list args;
	int n;

	if (parser->error)
		return;
	parser->error = error;
	n = snprintf(parser->message, SETTINGS_ERROR_SIZE, "%s:%u: ", parser->path, parser->line);
	if (n < 0 || n >= SETTINGS_ERROR_SIZE)
		return;
	va_start(args, format);
	vsnprintf(parser->message + n, SETTINGS_ERROR_SIZE - n, format, args);
	va_end(args);
}

/* Without indentation, comment and line end: what is left says something, or is empty. */
static char *strip(char *text)
{
	char *end;

	text += strspn(text, " \t\r\v\f");
	for (end = text; *end; end++)
		if ((*end == '#' || *end == ';') && (end == text || isspace((unsigned char)end[-1])))
			break;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

static bool is_syntax(const char *text)
{
	size_t length = strlen(text);

	if (*text == '[')
		return strchr(text, ']') == text + length - 1;
	return !length || (strpbrk(text, "=:") && !strchr("=:", *text));
}

/* Reads the next line. Returns false at the end and after a mistake. */
static bool next_line(struct parser *parser)
{
	static const char mark[] = "\xef\xbb\xbf";
	ssize_t length;
	char *text;

	errno = 0;
	length = getline(&parser->text, &parser->size, parser->file);
	if (length < 0) {
		if (ferror(parser->file) || errno == ENOMEM)
			fail(parser, -(errno ?: EIO), "cannot read on: %s", strerror(errno ?: EIO));
		return false;
	}
	parser->line++;
	text = parser->text;
	if (length > LINE_LIMIT)
		fail(parser, -EINVAL, "the line is longer than %d bytes", LINE_LIMIT);
	else if (strlen(text) != (size_t)length)
		fail(parser, -EINVAL, "the line holds a zero byte (save the file as UTF-8)");
	if (parser->line == 1 && !strncmp(text, mark, sizeof(mark) - 1))
		text += sizeof(mark) - 1;
	parser->rest = text = strip(text);
	if (!is_syntax(text))
		fail(parser, -EINVAL, "expected [section], key = value, or # comment");
	return !parser->error;
}

static char *read_line(char *buffer, int size, void *stream)
{
	struct parser *parser = stream;
	bool goes_on = parser->rest, more;
	size_t length, room = size - sizeof(" " BRACKET BRACKET "\n");

	/* What libinih is in the middle of does not matter any more. */
	if (parser->error || (!goes_on && !next_line(parser)))
		return NULL;
	length = strlen(parser->rest);
	more = length > room;
	if (more)
		length = room;
	if (more && !goes_on && (*parser->rest == '[' || strcspn(parser->rest, "=:") >= room)) {
		fail(parser, -EINVAL, "the section or key is too long");
		return NULL;
	}
	snprintf(buffer, size, "%s%.*s%s\n", goes_on ? " " BRACKET : "", (int)length, parser->rest,
		 more || goes_on ? BRACKET : "");
	parser->rest = more ? parser->rest + length : NULL;
	return buffer;
}

static int set(struct parser *parser, const char *section, const char *key, const char *value)
{
	const struct setting *setting;
	int r;

	if (strcmp(section, parser->section)) {
		if (*section)
			fail(parser, -EINVAL, "unknown section [%s] (key \"%s\"): the only one is [%s]",
			     section, key, parser->section);
		else
			fail(parser, -EINVAL, "the key \"%s\" is in no section: put a line [%s] above it",
			     key, parser->section);
		return -EINVAL;
	}
	for (setting = parser->table; setting->key; setting++)
		if (!strcmp(setting->key, key))
			break;
	if (!setting->key) {
		fail(parser, -EINVAL, "unknown key \"%s\" in [%s]", key, section);
		return -EINVAL;
	}
	r = setting->parse(value, (char *)parser->target + setting->offset);
	if (r == -ENOMEM)
		fail(parser, r, "out of memory");
	else if (r)
		fail(parser, r, "bad value \"%.100s\" of \"%s\": must be %s", value, key,
		     setting->expected);
	return r;
}

static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct parser *parser = user;
	bool goes_on = parser->value, more = parser->rest;
	char *joined;
	int r;

	r = asprintf(&joined, "%s%.*s", parser->value ?: "",
		     (int)strlen(value) - (goes_on || more) - goes_on, value + goes_on);
	if (r < 0) {
		fail(parser, -ENOMEM, "out of memory");
		return 0;
	}
	free(parser->value);
	parser->value = joined;
	if (more)
		return 1;
	r = set(parser, section, key, joined + strspn(joined, " \t"));
	free(joined);
	parser->value = NULL;
	return !r;
}

static int open_file(const char *path, FILE **ret_file, char *ret_error)
{
	struct stat st;
	FILE *file;
	int fd, r;

	r = trust_open(path, O_RDONLY, &fd, ret_error, SETTINGS_ERROR_SIZE);
	if (r)
		return r;
	r = fstat(fd, &st) ? -errno : st.st_size > FILE_LIMIT ? -EFBIG : 0;
	file = r ? NULL : fdopen(fd, "r");
	if (!r && !file)
		r = -errno;
	if (r) {
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s: %s", path, strerror(-r));
		close(fd);
		return r;
	}
	*ret_file = file;
	return 0;
}

int settings_read(const char *path, const char *section, const struct setting *table,
		  void *target, char ret_error[SETTINGS_ERROR_SIZE])
{
	struct parser parser = {
		.path = path, .section = section, .table = table, .target = target,
		.message = ret_error,
	};
	int r;

	r = open_file(path, &parser.file, ret_error);
	if (r)
		return r;
	r = ini_parse_stream(read_line, &parser, handle, &parser);
	/* A complaint of libinih's own that the reader did not foresee. */
	if (r && !parser.error)
		fail(&parser, -EINVAL, "something in the file is not [section], key = value, or # comment");
	fclose(parser.file);
	free(parser.text);
	free(parser.value);
	return parser.error;
}

static int parse_number(const char *value, unsigned long least, unsigned long most, void *target)
{
	unsigned long number;
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || *end || number < least || number > most)
		return -EINVAL;
	*(unsigned int *)target = number;
	return 0;
}

int settings_parse_seconds(const char *value, void *target)
{
	return parse_number(value, 1, SETTINGS_SECONDS_MAX, target);
}

int settings_parse_delay(const char *value, void *target)
{
	return parse_number(value, 0, SETTINGS_SECONDS_MAX, target);
}

int settings_parse_retries(const char *value, void *target)
{
	return parse_number(value, 0, SETTINGS_RETRIES_MAX, target);
}

int settings_parse_user(const char *value, void *target)
{
	size_t length = strlen(value);

	if (!length || length >= SETTINGS_USER_SIZE)
		return -EINVAL;
	memcpy(target, value, length + 1);
	return 0;
}

int settings_parse_bool(const char *value, void *target)
{
	bool yes = !strcmp(value, "yes");

	if (!yes && strcmp(value, "no"))
		return -EINVAL;
	*(bool *)target = yes;
	return 0;
}

static int store_text(const char *value, char **target)
{
	char *text = strdup(value);

	if (!text)
		return -ENOMEM;
	free(*target);
	*target = text;
	return 0;
}

static bool has_control(const char *value)
{
	for (; *value; value++)
		if (iscntrl((unsigned char)*value))
			return true;
	return false;
}

int settings_parse_path(const char *value, void *target)
{
	return *value == '/' && !has_control(value) ? store_text(value, target) : -EINVAL;
}

int settings_parse_paths(const char *value, void *target)
{
	const char *p;

	if (has_control(value))
		return -EINVAL;
	for (p = value; p; p = strchr(p, ':')) {
		p += *p == ':';
		if (*p != '/')
			return -EINVAL;
	}
	return store_text(value, target);
}
