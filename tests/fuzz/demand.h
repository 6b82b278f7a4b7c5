/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What fuzzers demand beside that nothing crashes; what is not so ends the fuzzer.
 */
#ifndef DEMAND_H
#define DEMAND_H

#include <fcntl.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Not by stderr, which may be captured. */
static inline void __attribute__((noreturn)) demand_fails(const char *what, const char *file, int line)
{
	dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

#define demand(good)	((good) ? (void)0 : demand_fails(#good, __FILE__, __LINE__))

/* Invisible, or turns the direction of writing: what C calls no control character. */
static inline bool is_hidden(wint_t c)
{
	return c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

/* Can a terminal show it? As the C library reads it, and not base/text.c. but: "\n", or "". */
static inline bool can_be_shown(const char *text, size_t size, const char *but)
{
	static locale_t utf8;
	locale_t before;
	mbstate_t state = { 0 };
	bool good = true;
	wchar_t c;
	size_t n;

	utf8 = utf8 ?: newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
	demand(utf8);
	before = uselocale(utf8);
	for (; good && size; text += n, size -= n) {
		n = 1;
		if (*text >= ' ' && *text <= '~')
			continue;
		n = mbrtowc(&c, text, size, &state);
		/* None of it is a character that is cut, is wrong, or is zero. */
		if (!n || n > size)
			break;
		good = c == L'\t' || (c < 0x80 && strchr(but, c)) || (!iswcntrl(c) && !is_hidden(c));
	}
	(void)uselocale(before);
	return good && !size;
}

static inline bool is_line(const char *text)
{
	return can_be_shown(text, strlen(text), "");
}

/* One document alone, by the strictest reading of json-c. */
static inline void demand_document(const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new();

	demand(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json_object_put(json_tokener_parse_ex(tokener, text, size));
	demand(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
}

/* A file of one document: a newline ends it. */
static inline void demand_json(const char *text)
{
	size_t length = strlen(text);

	demand(length && text[length - 1] == '\n');
	demand_document(text, length - 1);
}

/* How many descriptors are open, of the lowest ones, which the kernel gives out first. */
static inline int count_descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif /* DEMAND_H */
