/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What commands take from their command lines, and JSON that they answer with.
 * Mistakes are told here.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* A row for the table of getopt_long(3). */
#define ARGUMENTS_JSON	{ "json", no_argument, NULL, 'j' }

/*
 * As getopt_long(3) without short options. argv[0]: the name of the command. Returns the
 * value of the option; -1: there is no more; '?': a mistake.
 */
int arguments_option(int argc, char **argv, const struct option *table);

/*
 * Takes the next argument, after the options, which must be one of these; the last one is
 * NULL. what: of what it is one ("intent"). Returns its place in words, or -EINVAL.
 */
int arguments_word(int argc, char **argv, const char *what, const char *const *words);

/* Takes --json and nothing else. Returns 0 or -EINVAL. */
int arguments_only_json(int argc, char **argv, bool *ret_json);

/* Are there no arguments left? command: the command, or its word, that takes no more. */
bool arguments_end(int argc, char **argv, const char *command);

/* Seconds from now, fractions allowed, as CLOCK_BOOTTIME. Returns 0 or -EINVAL. */
int arguments_deadline(const char *text, int64_t *ret_deadline_ns);

int64_t boottime_ns(void);

/* On a line of its own, or with indentation; puts the object. Returns 0 or -ENOMEM. */
int print_json_line(struct json_object *json);
int print_json(struct json_object *json);

#endif /* ARGUMENTS_H */
