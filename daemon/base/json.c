/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * JSON objects: members added and taken with every result checked, and whole
 * files of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (!json_object_object_add(object, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

struct json_object *json_parse(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	if (!tokener) {
		errno = ENOMEM;
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, strlen(text));
	json_tokener_free(tokener);
	return object;
}

int json_get_text(struct json_object *object, const char *key, const char **ret_text)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return -EBADMSG;
	*ret_text = json_object_get_string(value);
	return 0;
}

int json_get_number(struct json_object *object, const char *key, uint64_t *ret_number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EBADMSG;
	*ret_number = json_object_get_uint64(value);
	return 0;
}

char *json_document(struct json_object *object, int flags)
{
	const char *json = json_object_to_json_string_ext(object, flags |
							  JSON_C_TO_STRING_NOSLASHESCAPE);

	/* It takes invalid UTF-8 as it is. */
	return json ? text_copy(TEXT_JSON, json) : NULL;
}

int json_replace_file(int dir_fd, const char *name, struct json_object *object, mode_t mode,
		      enum file_durability durability)
{
	char *json = json_document(object, JSON_C_TO_STRING_PRETTY), *text = NULL;
	int r = -ENOMEM;

	if (json && asprintf(&text, "%s\n", json) >= 0) {
		r = file_replace(dir_fd, name, text, mode, durability);
		free(text);
	}
	free(json);
	return r;
}
