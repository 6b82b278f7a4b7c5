/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The list of what vmgenctl check has found.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "finding.h"

enum { TEXT_SIZE = 2048 };

const char *finding_word(enum finding_state state)
{
	static const char *const words[] = {
		[FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_WARNING] = "warning",
		[FINDING_PROBLEM] = "problem",
	};

	return words[state];
}

void finding_add(struct findings *findings, const char *name, enum finding_state state,
		 const char *remedy, const char *format, ...)
{
	struct json_object *json = json_object_new_object();
	char text[TEXT_SIZE], safe[2 * TEXT_SIZE], safe_remedy[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_safe(text, safe, sizeof(safe));
	text_safe(remedy, safe_remedy, sizeof(safe_remedy));
	findings->problem |= state == FINDING_PROBLEM;
	if (json &&
	    !json_add(json, "name", json_object_new_string(name)) &&
	    !json_add(json, "state", json_object_new_string(finding_word(state))) &&
	    !json_add(json, "text", json_object_new_string(safe)) &&
	    !json_add(json, "remedy", json_object_new_string(safe_remedy)) &&
	    !json_object_array_add(findings->list, json))
		return;
	findings->out_of_memory = true;
	json_object_put(json);
}
