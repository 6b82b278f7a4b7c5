/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Options of a command line, and what is wrong with them.
 */
#include "commandline.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static void append(char *list, const char *text)
{
	size_t used = strlen(list);

	snprintf(list + used, COMMANDLINE_LIST_SIZE - used, "%s", text);
}

const char *commandline_list(const char *const *words, char ret_list[COMMANDLINE_LIST_SIZE])
{
	size_t i;

	*ret_list = '\0';
	for (i = 0; words[i]; i++) {
		append(ret_list, !i ? "" : words[i + 1] ? ", " : " or ");
		append(ret_list, words[i]);
	}
	return ret_list;
}

static const char *list_options(const struct option *table, char ret_list[COMMANDLINE_LIST_SIZE])
{
	const struct option *option;

	*ret_list = '\0';
	for (option = table; option->name; option++) {
		append(ret_list, option == table ? "" : option[1].name ? ", --" : " or --");
		append(ret_list, option->name);
		append(ret_list, option->has_arg ? "=..." : "");
	}
	return ret_list;
}

/* Of the option that getopt_long(3) names by its value. */
static const struct option *find(const struct option *table, int value)
{
	while (table->name && table->val != value)
		table++;
	return table->name ? table : NULL;
}

static void tell_mistake(const char *program, const char *word, int mistake,
			 const struct option *table)
{
	const struct option *option = find(table, optopt);
	char list[COMMANDLINE_LIST_SIZE], letter[] = { '-', (char)optopt, '\0' };
	bool is_long = !strncmp(word, "--", 2);

	if (mistake == ':' && option) {
		text_print(stderr, "%s: --%s needs a value: use --%s=...\n", program, option->name,
			   option->name);
	} else if (is_long && strchr(word, '=') && option && !option->has_arg) {
		text_print(stderr, "%s: --%s takes no value: use it without \"%s\"\n", program,
			   option->name, strchr(word, '='));
	} else {
		word = optopt ? letter : word;
		if (table->name)
			text_print(stderr, "%s: unknown option \"%s\": use --%s\n", program, word,
				   list_options(table, list));
		else
			text_print(stderr, "%s: unknown option \"%s\": there is none here\n",
				   program, word);
	}
}

int commandline_option(const char *program, int argc, char **argv, bool in_order,
		       const struct option *table)
{
	int option;

	/* Its own messages have what was typed as it is. */
	opterr = 0;
	option = getopt_long(argc, argv, in_order ? "+:" : ":", table, NULL);
	if (option != '?' && option != ':')
		return option;
	tell_mistake(program, argv[optind - 1], option, table);
	return '?';
}
