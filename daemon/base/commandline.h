/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Options of a command line. What is wrong is answered with what was typed and with
 * what could have been.
 */
#ifndef COMMANDLINE_H
#define COMMANDLINE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum { COMMANDLINE_LIST_SIZE = 512 };

/*
 * As getopt_long(3) without short options, but the message is safe for a terminal, and
 * names the options of the table. in_order: it ends at the first argument that is no
 * option. Returns the value of the option; -1: there is no more; '?': a mistake was told.
 */
int commandline_option(const char *program, int argc, char **argv, bool in_order,
		       const struct option *table);

/* "a, b or c" of words that end with NULL, as far as it has room. Returns ret_list. */
const char *commandline_list(const char *const *words, char ret_list[COMMANDLINE_LIST_SIZE]);

#endif /* COMMANDLINE_H */
