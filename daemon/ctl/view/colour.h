/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Colours, only where a person looks: on a terminal, and not if NO_COLOR
 * (no-color.org) is set.
 */
#ifndef COLOUR_H
#define COLOUR_H

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

/* Prints a word on standard output, filled up with blanks to width. */
void colour_print(enum colour colour, const char *word, int width);

#endif /* COLOUR_H */
