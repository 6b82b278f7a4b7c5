/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * INI files with one section and a table of known keys. What is not in the
 * table is an error, because a misspelt setting would silently not apply.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>

enum {
	SETTINGS_ERROR_SIZE = 512,
	SETTINGS_SECONDS_MAX = 86400,
	SETTINGS_RETRIES_MAX = 10,
	/* As long as useradd(8) allows, and more. */
	SETTINGS_USER_SIZE = 64,
};

struct setting {
	const char *key;
	/* Checks the text and stores it at target. Returns 0 or -errno. */
	int (*parse)(const char *value, void *target);
	/* Where in the structure the value belongs. */
	size_t offset;
	/* What parse accepts, for the message. */
	const char *expected;
};

/*
 * Reads a file into a structure. table ends with a NULL key. The structure may
 * be half changed on failure. ret_error: text that names file, line and key.
 *
 * Returns 0; -EINVAL: its text is wrong; otherwise what trust_open() and read(2)
 * fail with, -ENOENT: no such file.
 */
int settings_read(const char *path, const char *section, const struct setting *table,
		  void *target, char ret_error[SETTINGS_ERROR_SIZE]);

/* Parsers for tables. */
/* 1 to 86400, into unsigned int. */
int settings_parse_seconds(const char *value, void *target);
/* 0 to 86400, into unsigned int. */
int settings_parse_delay(const char *value, void *target);
/* 0 to 10, into unsigned int. */
int settings_parse_retries(const char *value, void *target);
/* Text that can be a user's name, into char[SETTINGS_USER_SIZE]. */
int settings_parse_user(const char *value, void *target);
/* yes or no, into bool. */
int settings_parse_bool(const char *value, void *target);
/* An absolute path, into char *, which is freed first. */
int settings_parse_path(const char *value, void *target);
/* Absolute paths with ':' between them, likewise. */
int settings_parse_paths(const char *value, void *target);

#endif /* SETTINGS_H */
