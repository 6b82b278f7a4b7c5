/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Makes text safe that others have written, for a terminal, a log, JSON or a
 * metric: this is the only place that does. What controls a terminal, ends a
 * line, turns the direction of writing or cannot be seen, and what is no
 * UTF-8, gets a visible form: \x1b, \u202e, \U000e0041. All else stays, so
 * making safe text safe again changes nothing.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum text_form {
	/* One line or a part of one. */
	TEXT_LINE,
	/* Newlines stay. */
	TEXT_LINES,
	/* A whole JSON document, as json-c writes it; it stays one. */
	TEXT_JSON,
	/* Between the double quotes of a metric's label. */
	TEXT_LABEL,
};

/*
 * Writes the safe form of size bytes to a buffer of to_size bytes, ended with NUL,
 * as far as it has room; neither a character nor a visible form is ever cut.
 * Returns how many bytes of from that were. ret_length: strlen() of to; may be NULL.
 */
size_t text_escape(enum text_form form, const char *from, size_t size,
		   char *to, size_t to_size, size_t *ret_length);

/* The safe form of a string as one line, as far as it has room. Returns to. */
const char *text_safe(const char *from, char *to, size_t to_size);

/*
 * Is it a word that a shell takes as it stands, and no program as an option? Others name
 * interfaces a;b or $(c): a command that is printed for somebody to copy holds plain words only.
 */
bool text_is_plain(const char *word);

/*
 * Returns how many of these bytes are whole characters: size, unless a character of
 * UTF-8 is begun at the end, and more may follow.
 */
size_t text_whole(const char *text, size_t size);

/* Returns the safe form of a string, which the caller frees; NULL: no memory. */
char *text_copy(enum text_form form, const char *from);

/*
 * As fprintf(3), but all is made safe, of the text of the format as well. Only a
 * newline that ends the format stays one.
 */
int text_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* TEXT_H */
