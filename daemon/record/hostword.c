/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The word of the host, read strictly: what may be a part of one, or somebody else's, says
 * nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostword.h"
#include "intentfile.h"

#define MAGIC		"vmgen-intent "
#define VERSION_WORD	"1 "
#define GUID_FORM	"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

static unsigned int nibble(char digit)
{
	return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

/* The first three groups are numbers, of which the device shows the lowest byte first. */
static bool take_id(const char *value, struct hostword *word)
{
	static const unsigned char places[] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15,
	};
	uint8_t id[VMGEN_ID_SIZE] = { 0 };
	size_t i, digits = 0;

	if (strlen(value) != strlen(GUID_FORM))
		return false;
	for (i = 0; value[i]; i++) {
		if (GUID_FORM[i] != 'x' ? value[i] != '-' : !isxdigit((unsigned char)value[i]))
			return false;
		if (GUID_FORM[i] != 'x')
			continue;
		id[places[digits / 2]] |= nibble(value[i]) << (digits % 2 ? 0 : 4);
		digits++;
	}
	hash_id(id, word->id_hash);
	explicit_bzero(id, sizeof(id));
	return true;
}

static bool take_intent(const char *value, struct hostword *word)
{
	if (!intent_valid(value))
		return false;
	strcpy(word->intent, value);
	return true;
}

static bool take_name(const char *value, struct hostword *word)
{
	if (!record_name_valid(value))
		return false;
	strcpy(word->name, value);
	return true;
}

static const struct {
	const char *key, *form;
	bool (*take)(const char *value, struct hostword *word);
	bool required;
} keys[] = {
	{ "id", "a GUID", take_id, true },
	{ "intent", "clone or restore", take_intent, true },
	{ "name", "1 to 63 of A-Z, a-z, 0-9, \".\", \"_\", \"-\", the first neither \".\" nor \"-\"",
	  take_name, false },
};

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

/* Returns whether the part can be used; what is no key=value comes with no '='. */
static bool take_part(char *part, bool seen[static N_KEYS], struct hostword *word, char *ret_reason)
{
	char *value = strchr(part, '=');
	size_t i;

	if (!value) {
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "it has a part that is not key=value");
		return false;
	}
	*value++ = '\0';
	for (i = 0; i < N_KEYS && strcmp(keys[i].key, part);)
		i++;
	if (i == N_KEYS) {
		word->unknown_keys = true;
		return true;
	}
	if (seen[i])
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "it says %s= twice", keys[i].key);
	else if (!keys[i].take(value, word))
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "%s= must be %s", keys[i].key, keys[i].form);
	else
		seen[i] = true;
	return !*ret_reason;
}

static bool take_line(char *line, struct hostword *word, char *ret_reason)
{
	bool seen[N_KEYS] = { false };
	char *part, *rest;
	size_t i;

	for (part = strtok_r(line, " ", &rest); part; part = strtok_r(NULL, " ", &rest))
		if (!take_part(part, seen, word, ret_reason))
			return false;
	for (i = 0; i < N_KEYS; i++) {
		if (seen[i] || !keys[i].required)
			continue;
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "it says no %s=", keys[i].key);
		return false;
	}
	return true;
}

/* Returns constant text: what keeps the bytes from being a whole line; NULL: nothing does. */
static const char *check_bytes(const char *text, size_t size, const char *end)
{
	const char *p;

	if (!end)
		return "it was cut off: no newline ends it (is what carries it as large as it was at the boot?)";
	for (p = text; p < end; p++)
		if (*p < ' ' || *p > '~')
			return "it must be one line of ASCII";
	for (; p < text + size; p++)
		if (*p && *p != ' ' && *p != '\n')
			return "something follows its line";
	return NULL;
}

int hostword_parse(const char *text, size_t size, struct hostword *ret_word,
		   char ret_reason[HOSTWORD_REASON_SIZE])
{
	const char *end = memchr(text, '\n', size), *fault;
	struct hostword word = { .unknown_keys = false };
	char line[HOSTWORD_LIMIT];
	bool good;

	*ret_reason = '\0';
	if (size < strlen(MAGIC) || memcmp(text, MAGIC, strlen(MAGIC))) {
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "it does not begin with \"" MAGIC "\", so it is no word");
		return -ENOMSG;
	}
	fault = size > HOSTWORD_LIMIT ? "it is too long" : check_bytes(text, size, end);
	text += strlen(MAGIC);
	if (!fault && strncmp(text, VERSION_WORD, strlen(VERSION_WORD)))
		fault = "its version is not known to this vmgend";
	if (fault) {
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "%s", fault);
		return -EBADMSG;
	}
	text += strlen(VERSION_WORD);
	/* Shorter than what was read by the magic word. */
	memcpy(line, text, end - text);
	line[end - text] = '\0';
	good = take_line(line, &word, ret_reason);
	explicit_bzero(line, sizeof(line));
	if (!good)
		return -EBADMSG;
	*ret_word = word;
	return 0;
}
