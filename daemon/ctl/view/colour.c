/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Colours, only where a person looks.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "colour.h"

static bool wanted(void)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && *no) && terminal && strcmp(terminal, "dumb") && isatty(STDOUT_FILENO);
}

void colour_print(enum colour colour, const char *word, int width)
{
	static const char *const starts[] = {
		[COLOUR_NONE] = "", [COLOUR_GREEN] = "\033[32m",
		[COLOUR_YELLOW] = "\033[33m", [COLOUR_RED] = "\033[1;31m",
	};
	bool coloured = colour != COLOUR_NONE && wanted();

	fputs(coloured ? starts[colour] : "", stdout);
	text_print(stdout, "%-*s", width, word);
	fputs(coloured ? "\033[0m" : "", stdout);
}
