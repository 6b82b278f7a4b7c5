/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Text as nobody should write it: what ends lines, strings, quotes and options, moves a
 * terminal's cursor, turns the direction of writing, or is no UTF-8.
 */
#ifndef NASTY_H
#define NASTY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct nasty {
	const char *bytes;
	size_t size;
} nasty_pieces[] = {
#define NASTY(text) { text, sizeof(text) - 1 }
	/* Ends of lines and of strings. */
	NASTY("\n"), NASTY("\r"), NASTY("\r\n"), NASTY("\0"), NASTY("\v"), NASTY("\f"),
	NASTY("\xc2\x85"), NASTY("\xe2\x80\xa8"), NASTY("\xe2\x80\xa9"), NASTY("\n\n"),
	/* What a terminal does. */
	NASTY("\033[31m"), NASTY("\033[2J"), NASTY("\033]0;title\a"), NASTY("\033P$q\033\\"),
	NASTY("\xc2\x9b" "31m"), NASTY("\b\b\b"), NASTY("\a"), NASTY("\177"), NASTY("\t"),
	/* The direction of writing, and what cannot be seen. */
	NASTY("\xe2\x80\xae"), NASTY("\xe2\x80\xab"), NASTY("\xe2\x81\xa6"), NASTY("\xd8\x9c"),
	NASTY("\xe2\x80\x8b"), NASTY("\xef\xbb\xbf"), NASTY("\xc2\xad"), NASTY("\xf3\xa0\x81\x81"),
	/* No UTF-8: alone, cut, overlong, surrogates, beyond the last character. */
	NASTY("\xff"), NASTY("\x80"), NASTY("\xc2"), NASTY("\xe2\x82"), NASTY("\xf0\x9f\x98"),
	NASTY("\xc0\x80"), NASTY("\xc0\xaf"), NASTY("\xe0\x80\xaf"), NASTY("\xf0\x80\x80\xaf"),
	NASTY("\xed\xa0\x80"), NASTY("\xed\xb0\x80"), NASTY("\xf4\x90\x80\x80"), NASTY("\xfe\xff"),
	/* No characters, and good ones of each length. */
	NASTY("\xef\xbf\xbe"), NASTY("\xef\xb7\x90"), NASTY("\xef\xbf\xbd"),
	NASTY("\xc3\xa4"), NASTY("\xe2\x82\xac"), NASTY("\xf0\x9f\x98\x80"),
	/* Formats, shells, options, paths, quotes. */
	NASTY("%n"), NASTY("%s%s%s%s"), NASTY("%.9999d"), NASTY("$(reboot)"), NASTY("`reboot`"),
	NASTY("; reboot"), NASTY("&& reboot"), NASTY("| sh"), NASTY("> /etc/passwd"), NASTY("-"),
	NASTY("--help"), NASTY("-rf"), NASTY("/"), NASTY("../"), NASTY("*"), NASTY("'"), NASTY("\""),
	NASTY("\\"), NASTY("\\\""), NASTY("\\u202e"), NASTY("\\x1b"), NASTY(" "), NASTY("  "),
	/* Of the formats that it ends up in: JSON, metrics, the journal, /proc, lists. */
	NASTY("\",\"x\":\""), NASTY("\"}"), NASTY("\"} 1\n"), NASTY("{"), NASTY("["), NASTY("]"),
	NASTY("="), NASTY("MESSAGE=x\n"), NASTY("<3>"), NASTY("#"), NASTY(";"), NASTY(","),
	NASTY(")"), NASTY(" ("), NASTY(") R 1 "), NASTY(" (deleted)"), NASTY("50-repair| "),
	NASTY("[hook]"), NASTY("%%\n"), NASTY("0"), NASTY("99999999999999999999"), NASTY("-1"),
	NASTY("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
#undef NASTY
};

enum { NASTY_PIECES = sizeof(nasty_pieces) / sizeof(nasty_pieces[0]) };

/* Of xorshift: the same for the same seed, which must not be 0. */
static inline uint32_t nasty_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Puts so many pieces after each other, letters between some, as far as there is room. Returns the size. */
static inline size_t nasty_text(uint32_t *seed, size_t n, char *text, size_t room)
{
	const struct nasty *piece;
	size_t used = 0;

	while (n--) {
		piece = &nasty_pieces[nasty_next(seed) % NASTY_PIECES];
		if (piece->size + 1 > room - used)
			break;
		memcpy(text + used, piece->bytes, piece->size);
		used += piece->size;
		if (nasty_next(seed) % 2)
			text[used++] = 'a' + nasty_next(seed) % 26;
	}
	return used;
}

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
extern size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);

/* Half of what libFuzzer tries gets some of it somewhere. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	uint32_t state = seed | 1;
	char text[256];
	size_t at, n;

	if (nasty_next(&state) % 2)
		return LLVMFuzzerMutate(data, size, room);
	n = nasty_text(&state, 1 + nasty_next(&state) % 4, text, sizeof(text));
	at = size ? nasty_next(&state) % (size + 1) : 0;
	if (n > room - size)
		return LLVMFuzzerMutate(data, size, room);
	memmove(data + at + n, data + at, size - at);
	memcpy(data + at, text, n);
	return size + n;
}

#endif

#endif /* NASTY_H */
