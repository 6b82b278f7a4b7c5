/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * JSON objects: members added and taken with every result checked, and whole
 * files of them.
 */
#ifndef JSON_H
#define JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "file.h"

/* Takes the value over, also on failure; NULL is one. Returns 0 or -ENOMEM. */
int json_add(struct json_object *object, const char *key, struct json_object *value);

/*
 * Returns a new object of a text that is strict JSON, in UTF-8, and nothing behind
 * it; NULL: it is not, or, with errno ENOMEM, there is no memory.
 */
struct json_object *json_parse(const char *text);

/* The text belongs to the object. Returns 0, or -EBADMSG: no such text member. */
int json_get_text(struct json_object *object, const char *key, const char **ret_text);

/* Returns 0, or -EBADMSG: no such member, or not a whole number from 0 up. */
int json_get_number(struct json_object *object, const char *key, uint64_t *ret_number);

/*
 * Returns the object as text that a strict parser takes with any content, and that
 * a terminal can show; the caller frees it. flags: of json-c. NULL: no memory.
 */
char *json_document(struct json_object *object, int flags);

/* As file_replace(). */
int json_replace_file(int dir_fd, const char *name, struct json_object *object, mode_t mode,
		      enum file_durability durability);

#endif /* JSON_H */
