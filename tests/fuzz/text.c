/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * base/text.c, by which all text of others is printed: what it makes can be shown, in any room,
 * and is made no safer by doing it again; JSON stays JSON, and a label stays in its quotes.
 *
 * Input: the room, then the text.
 */
#include "base/json.h"
#include "base/text.h"
#include "captured.h"
#include "nasty.h"

enum { SIZE = 1 << 16 };

static char safe[SIZE], again[SIZE];

static const char *breaks_of(enum text_form form)
{
	return form == TEXT_LINES || form == TEXT_JSON ? "\n" : "";
}

/* All of it, and then as much of it as fits. */
static void try_form(enum text_form form, const char *text, size_t size, size_t room)
{
	size_t length, whole, taken = 0, used = 0, n;

	demand(text_escape(form, text, size, safe, sizeof(safe), &whole) == size);
	demand(strlen(safe) == whole && can_be_shown(safe, whole, breaks_of(form)));
	while (taken < size) {
		n = text_escape(form, text + taken, size - taken, again, room, &length);
		demand(n && length < room && strlen(again) == length);
		demand(used + length <= whole && !memcmp(safe + used, again, length));
		demand(can_be_shown(again, length, breaks_of(form)));
		taken += n;
		used += length;
	}
	demand(used == whole);
	if (form != TEXT_LABEL) {
		demand(text_escape(form, safe, whole, again, sizeof(again), &length) == whole);
		demand(length == whole && !memcmp(safe, again, whole));
	}
}

/* A quote that ends it has an even number of backslashes before it. */
static void try_label(const char *text, size_t size)
{
	size_t length, i;

	text_escape(TEXT_LABEL, text, size, safe, sizeof(safe), &length);
	for (i = 0; i < length; i++) {
		demand(safe[i] != '"');
		i += safe[i] == '\\';
	}
	demand(i == length);
}

static void try_json(const char *text, size_t size)
{
	struct json_object *json = json_object_new_object(), *parsed;
	char *document;

	demand(!json_add(json, "text", json_object_new_string_len(text, size)));
	document = json_document(json, JSON_C_TO_STRING_PRETTY);
	parsed = json_parse(document);
	demand(parsed && json_object_object_length(parsed) == 1);
	demand(can_be_shown(document, strlen(document), "\n"));
	json_object_put(parsed);
	free(document);
	json_object_put(json);
}

/* Only its own newline ends a line. */
static void try_print(const char *text)
{
	char *copy = text_copy(TEXT_LINE, text), *printed;
	size_t length;

	demand(copy && is_line(copy));
	captured_begin();
	(void)text_print(stdout, "%s: %s\n", "name", text);
	printed = captured_end();
	length = strlen(printed);
	demand(length && printed[length - 1] == '\n' && can_be_shown(printed, length - 1, ""));
	if (strlen(text) < 4000)
		demand(length == strlen(copy) + 7 && !memcmp(printed + 6, copy, length - 7));
	free(printed);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum text_form form;
	size_t whole;
	char *text;

	if (!size || size > SIZE / 16)
		return 0;
	text = malloc(size);
	demand(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (form = TEXT_LINE; form <= TEXT_LABEL; form++)
		try_form(form, text, size - 1, *data % 32 + 13);
	try_label(text, size - 1);
	try_json(text, size - 1);
	try_print(text);
	whole = text_whole(text, size - 1);
	demand(whole <= size - 1 && whole + 3 >= size - 1);
	demand(!text_is_plain(text) || !strpbrk(text, " \t\n\"'\\$`;&|<>()*?[]#~=%!{}/"));
	free(text);
	return 0;
}
