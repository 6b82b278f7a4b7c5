/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Makes text safe that others have written.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum {
	/* Of one character: a backslash doubled, U, and eight digits. */
	FORM_SIZE = 12,
	PRINT_SIZE = 8192,
	LAST_CHARACTER = 0x10ffff,
};

static const struct {
	uint32_t first, last;
} unsafe[] = {
	/* Tabs are harmless. */
	{ 0, '\t' - 1 }, { '\t' + 1, 0x1f },
	{ 0x7f, 0x9f },
	/* A hyphen and letters that cannot be seen, and marks of direction. */
	{ 0xad, 0xad }, { 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x180e, 0x180e },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
	{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff9, 0xfffb },
	/* What is no character. */
	{ 0xd800, 0xdfff }, { 0xfdd0, 0xfdef }, { 0xfffe, 0xffff },
	/* Notation of music, tags and selectors. */
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool is_safe(uint32_t character)
{
	size_t i;

	for (i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (character >= unsafe[i].first && character <= unsafe[i].last)
			return false;
	return true;
}

/* How long the first byte says that a character is; 0: no character begins so. */
static size_t announced(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 :
	       first < 0xf5 ? 4 : 0;
}

/* Returns the length of the character, or 0 if no valid one stands here. */
static size_t decode(const unsigned char *text, size_t size, uint32_t *ret_character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = announced(*text), i;
	uint32_t character = length > 1 ? *text & (0x7f >> length) : *text;

	if (!length || length > size)
		return 0;
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	if (character < least[length] || character > LAST_CHARACTER ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return length;
}

/* Gives the form of what stands first. Returns how many bytes of text that was. */
static size_t form_one(enum text_form form, const char *text, size_t size,
		       char ret_form[FORM_SIZE], size_t *ret_length)
{
	bool lines = form == TEXT_LINES || form == TEXT_JSON;
	/* In quotes a backslash needs one of its own. */
	const char *mark = form == TEXT_JSON || form == TEXT_LABEL ? "\\\\" : "\\";
	uint32_t character = 0;
	size_t length = decode((const unsigned char *)text, size, &character);

	if (length && (is_safe(character) || (lines && character == '\n'))) {
		*ret_length = 0;
		if (form == TEXT_LABEL && (character == '"' || character == '\\'))
			ret_form[(*ret_length)++] = '\\';
		memcpy(ret_form + *ret_length, text, length);
		*ret_length += length;
		return length;
	}
	if (length <= 1)
		*ret_length = snprintf(ret_form, FORM_SIZE, "%sx%02x", mark, (unsigned char)*text);
	else
		*ret_length = snprintf(ret_form, FORM_SIZE, character > 0xffff ? "%sU%08x" : "%su%04x",
				       mark, character);
	return length ?: 1;
}

size_t text_escape(enum text_form form, const char *from, size_t size,
		   char *to, size_t to_size, size_t *ret_length)
{
	size_t taken = 0, used = 0, one, length;
	char shown[FORM_SIZE];

	while (taken < size) {
		one = form_one(form, from + taken, size - taken, shown, &length);
		if (used + length >= to_size)
			break;
		memcpy(to + used, shown, length);
		used += length;
		taken += one;
	}
	to[used] = '\0';
	if (ret_length)
		*ret_length = used;
	return taken;
}

const char *text_safe(const char *from, char *to, size_t to_size)
{
	text_escape(TEXT_LINE, from, strlen(from), to, to_size, NULL);
	return to;
}

bool text_is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-@:+";

	return *word && *word != '-' && !word[strspn(word, plain)];
}

size_t text_whole(const char *text, size_t size)
{
	size_t back;

	for (back = 1; back <= 3 && back <= size; back++) {
		if (((unsigned char)text[size - back] & 0xc0) != 0x80)
			return announced(text[size - back]) > back ? size - back : size;
	}
	return size;
}

char *text_copy(enum text_form form, const char *from)
{
	size_t size = strlen(from), taken = 0, needed = 1, length;
	char shown[FORM_SIZE], *to;

	for (; taken < size; needed += length)
		taken += form_one(form, from + taken, size - taken, shown, &length);
	to = malloc(needed);
	if (to)
		text_escape(form, from, size, to, needed, NULL);
	return to;
}

int text_print(FILE *file, const char *format, ...)
{
	char text[PRINT_SIZE], safe[1024];
	size_t end = strlen(format), size, taken = 0, length;
	bool newline = end && format[end - 1] == '\n';
	va_list args;
	int n, r = 0;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return n;
	/* What is too long is cut, and loses its newline. */
	size = (size_t)n < sizeof(text) ? (size_t)n - newline : text_whole(text, sizeof(text) - 1);
	while (taken < size && r >= 0) {
		taken += text_escape(TEXT_LINE, text + taken, size - taken, safe, sizeof(safe), &length);
		r = fwrite(safe, 1, length, file) == length ? 0 : -EIO;
	}
	if ((size_t)n >= sizeof(text))
		fputs(" ...", file);
	return newline && putc('\n', file) == EOF ? -EIO : r;
}
