/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * INI files with one section and a table of known keys. libinih does not tell
 * its handler the line, so the reader that feeds it counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

struct parser {
	FILE *file;
	const char *path;
	const char *section;
	const struct setting *table;
	void *target;
	unsigned int line;
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

static char *read_line(char *buffer, int size, void *stream)
{
	struct parser *parser = stream;
	size_t indent;

	/* What libinih is in the middle of does not matter any more. */
	if (parser->error || !fgets(buffer, size, parser->file))
		return NULL;
	parser->line++;
	if (!strchr(buffer, '\n') && !feof(parser->file)) {
		fail(parser, -EINVAL, "the line is too long or holds a zero byte");
		return NULL;
	}
	/* libinih takes an indented line for more of the value above. */
	indent = strspn(buffer, " \t");
	memmove(buffer, buffer + indent, strlen(buffer + indent) + 1);
	return buffer;
}

static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct parser *parser = user;
	const struct setting *setting;
	int r;

	if (strcmp(section, parser->section)) {
		fail(parser, -EINVAL, "unknown section [%s] (key \"%s\"): the only one is [%s]",
		     section, key, parser->section);
		return 0;
	}
	for (setting = parser->table; setting->key; setting++)
		if (!strcmp(setting->key, key))
			break;
	if (!setting->key) {
		fail(parser, -EINVAL, "unknown key \"%s\" in [%s]", key, section);
		return 0;
	}
	r = setting->parse(value, (char *)parser->target + setting->offset);
	if (r == -ENOMEM)
		fail(parser, r, "out of memory");
	else if (r)
		fail(parser, r, "bad value \"%s\" of \"%s\": must be %s", value, key,
		     setting->expected);
	return !r;
}

static int open_file(const char *path, FILE **ret_file, char *ret_error)
{
	/* O_NONBLOCK: a FIFO in the place of the file must not stop the daemon. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat st;
	FILE *file;

	if (fd < 0) {
		r = -errno;
		/* What a dangling link says is lost, which is not the same as unsaid. */
		if (r == -ENOENT && !lstat(path, &st))
			r = -ELOOP;
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s: %s", path,
			 r == -ELOOP ? "the symbolic link leads nowhere" : strerror(-r));
		return r;
	}
	r = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	file = r ? NULL : fdopen(fd, "r");
	if (!r && !file)
		r = -errno;
	if (r) {
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s: %s", path,
			 r == -EINVAL ? "is not a regular file" : strerror(-r));
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
	if (r > 0 && (!parser.error || (unsigned int)r < parser.line)) {
		/* A complaint of libinih's own, which goes on after it. */
		parser.error = 0;
		parser.line = r;
		fail(&parser, -EINVAL, "expected [section], key = value, or # comment");
	} else if (!parser.error && ferror(parser.file)) {
		fail(&parser, -EIO, "cannot read on");
	}
	fclose(parser.file);
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

int settings_parse_path(const char *value, void *target)
{
	return *value == '/' ? store_text(value, target) : -EINVAL;
}

int settings_parse_paths(const char *value, void *target)
{
	const char *p;

	for (p = value; p; p = strchr(p, ':')) {
		p += *p == ':';
		if (*p != '/')
			return -EINVAL;
	}
	return store_text(value, target);
}
