/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Text of others, made safe: for terminals, lines of a log, JSON and metrics.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tap.h"

static void shows(const char *from, const char *want)
{
	char safe[256], again[256];

	text_safe(from, safe, sizeof(safe));
	ok(!strcmp(safe, want), "shown as %s", want);
	if (strcmp(safe, want))
		printf("# differs\n");
	text_safe(safe, again, sizeof(again));
	ok(!strcmp(safe, again), "and safe text stays what it is");
}

static void test_forms(void)
{
	shows("plain text, 100 %", "plain text, 100 %");
	shows("Gr\u00fc\u00dfe \u4f60\u597d \U0001f600\ttab", "Gr\u00fc\u00dfe \u4f60\u597d \U0001f600\ttab");
	shows("\033]0;PWNED\a", "\\x1b]0;PWNED\\x07");
	shows("one\ntwo\rthree\x7f", "one\\x0atwo\\x0dthree\\x7f");
	shows("\xff\xfe\x9b" "31m", "\\xff\\xfe\\x9b31m");
	shows("\xc2\x9b" "31m", "\\u009b31m");
	shows("a\u202eb\u2066c\u200bd\u2028e\ufefff\u061cg", "a\\u202eb\\u2066c\\u200bd\\u2028e\\ufefff\\u061cg");
	shows("tag \U000e0041", "tag \\U000e0041");
	/* Cut, too long for what it says, a half of a pair, and beyond the last one. */
	shows("\xe2\x82", "\\xe2\\x82");
	shows("\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf", "\\xc0\\xaf \\xe0\\x80\\xaf \\xf0\\x80\\x80\\xaf");
	shows("\xed\xa0\x80 \xf4\x90\x80\x80 \xf8", "\\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xf8");
	shows("\xe2\x82(", "\\xe2\\x82(");
}

static void test_room(void)
{
	static const char from[] = "ab\u20ac\033z";
	char to[16];
	size_t size, taken, length, wrong = 0;

	for (size = 1; size <= sizeof(to); size++) {
		memset(to, '#', sizeof(to));
		taken = text_escape(TEXT_LINE, from, sizeof(from) - 1, to, size, &length);
		wrong += strlen(to) != length || length >= size;
		/* Whole ones only: each of 'a' 'b', three bytes, four for one, 'z'. */
		wrong += !((taken <= 2 && length == taken) || (taken == 5 && length == 5) ||
			   (taken == 6 && length == 9) || (taken == 7 && length == 10));
	}
	equal(wrong, 0, "no character and no form is cut, whatever room there is");
	equal(text_escape(TEXT_LINE, "a\0b", 3, to, sizeof(to), &length), 3, "NUL is taken as well");
	ok(!strcmp(to, "a\\x00b"), "and shown");
	equal(text_whole("ab\xe2\x82", 4), 2, "a character that is begun waits for its end");
	equal(text_whole("ab\u20ac", 5), 5, "a whole one does not");
	equal(text_whole("ab\xf0\x9f\x98", 5), 2, "nor one of four bytes but for the last");
	equal(text_whole("\x80\x80\x80\x80", 4), 4, "and what is none");
	equal(text_whole("", 0), 0, "nor nothing");
}

static void test_json(void)
{
	struct json_object *json = json_object_new_object(), *read;
	enum json_tokener_error error = json_tokener_success;
	struct json_tokener *tokener = json_tokener_new();
	const char *text = "";
	char *document;

	(void)json_add(json, "bad \xfe\u202e", json_object_new_string("\xff\xfe\x9b" "31m \"\\ \u202e \033 \x7f\n"));
	document = json_document(json, JSON_C_TO_STRING_PRETTY);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	read = json_tokener_parse_ex(tokener, document, strlen(document));
	error = json_tokener_get_error(tokener);
	equal(error, json_tokener_success, "JSON with invalid UTF-8 passes a strict parser");
	(void)json_get_text(read, "bad \\xfe\\u202e", &text);
	ok(!strcmp(text, "\\xff\\xfe\\x9b31m \"\\ \\u202e \033 \\x7f\n"), "with its visible form in it: %zu bytes",
	   strlen(text));
	ok(!strchr(document, '\033') && !strchr(document, '\x7f'), "and no byte that a terminal obeys");
	free(document);
	json_object_put(read);
	json_object_put(json);
	json_tokener_free(tokener);
}

static void test_label(void)
{
	char *label = text_copy(TEXT_LABEL, "a\"b\\c\ne\xff\u20ac"),
	     *lines = text_copy(TEXT_LINES, "a\nb\033\n");

	ok(!strcmp(label, "a\\\"b\\\\c\\\\x0ae\\\\xff\u20ac"), "a label is %s", label);
	ok(!strcmp(lines, "a\nb\\x1b\n"), "lines stay lines");
	free(label);
	free(lines);
}

static void test_plain(void)
{
	static const char *const plain[] = { "wg0", "br-lan.7", "x@y:z", "_a+1", "9" };
	static const char *const others[] = {
		"", "-h", "a;id", "$(id)", "a|b", "a&b", "a b", "`id`", "a>b", "a<b", "a'", "a\"",
		"a\\b", "a\nb", "*", "a?", "[a]", "{a,b}", "~", "#a", "!a", "a=b", "a/b", "\u20ac", "%s",
	};
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		ok(text_is_plain(plain[i]), "%s is plain", plain[i]);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ok(!text_is_plain(others[i]), "no. %zu is not", i);
}

static void test_print(void)
{
	char *text, longer[10000];
	size_t size, wrong = 0, i;
	FILE *file = open_memstream(&text, &size);

	text_print(file, "%s: %d\n", "a\nb\033", 7);
	text_print(file, "no end: %s", "x\n");
	fflush(file);
	ok(!strcmp(text, "a\\x0ab\\x1b: 7\nno end: x\\x0a"), "only what the format ends with is a newline");
	for (i = 0; i + 3 < sizeof(longer); i += 3)
		memcpy(longer + i, "\u20ac", 3);
	longer[i] = '\0';
	fseek(file, 0, SEEK_SET);
	text_print(file, "%s\n", longer);
	fflush(file);
	ok(size > 8000 && size < 8300 && !strcmp(text + size - 5, " ...\n"), "what is too long is cut, and says so");
	for (i = 0; i + 5 < size; i += 3)
		wrong += !!memcmp(text + i, "\u20ac", 3);
	equal(wrong, 0, "between characters");
	fclose(file);
	free(text);
}

int main(void)
{
	test_forms();
	test_room();
	test_json();
	test_label();
	test_plain();
	test_print();
	return tap_done();
}
