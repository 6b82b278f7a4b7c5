/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The mark of an image: one JSON file in the state directory.
 */
#include "imagefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"

enum {
	IMAGE_VERSION = 1,
	/* All addresses that a machine may have take less than 1 KiB. */
	IMAGE_LIMIT = 8192,
};

static int parse(const char *text, struct image *ret_image)
{
	struct json_object *json = json_parse(text), *machine;
	struct image image = { .id_hash = "" };
	const char *hash;
	uint64_t version;
	int r = -EBADMSG;

	if (json_get_number(json, "version", &version) || version != IMAGE_VERSION ||
	    json_get_text(json, "id_hash", &hash) || (*hash && !hash_valid(hash)))
		goto out;
	strcpy(image.id_hash, hash);
	if (json_object_object_get_ex(json, "machine", &machine) &&
	    machine_from_json(machine, &image.machine))
		goto out;
	*ret_image = image;
	r = 0;
out:
	json_object_put(json);
	return r;
}

int image_read(int state_fd, struct image *ret_image, const char **ret_reason)
{
	struct stat st;
	char *text;
	int r;

	r = file_read(state_fd, NAME_IMAGE, IMAGE_LIMIT, &text, &st);
	if (r == -ENOENT)
		return r;
	if (r) {
		*ret_reason = file_strerror(r);
		return r;
	}
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		*ret_reason = "others than root can change it";
		r = -EPERM;
	} else {
		*ret_reason = "it is damaged, or of a later release";
		r = parse(text, ret_image);
	}
	free(text);
	return r;
}

int image_write(int state_fd, const struct image *image)
{
	struct json_object *json = json_object_new_object();
	int r = json ? 0 : -ENOMEM;

	if (!r)
		r = json_add(json, "version", json_object_new_int(IMAGE_VERSION));
	if (!r)
		r = json_add(json, "id_hash", json_object_new_string(image->id_hash));
	if (!r)
		r = machine_add_json(&image->machine, json, "machine");
	if (!r)
		r = json_replace_file(state_fd, NAME_IMAGE, json, 0600, FILE_DURABLE);
	json_object_put(json);
	return r;
}

int image_remove(int state_fd)
{
	if (unlinkat(state_fd, NAME_IMAGE, 0) && errno != ENOENT)
		return -errno;
	/* Also if it was gone: who removed it may not have come to this. */
	return fsync(state_fd) ? -errno : 0;
}

bool image_is_copy(const struct image *image, const char *id_hash)
{
	return strcmp(image->id_hash, id_hash);
}
