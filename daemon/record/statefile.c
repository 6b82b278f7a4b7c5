/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The state of vmgend across restarts and power cuts: one JSON file, replaced
 * as a whole under a lock of its directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "process/lock.h"
#include "statefile.h"

enum {
	STATE_VERSION = 1,
	/* 1,000 hooks take about 100 KiB. */
	STATE_LIMIT = 1 << 20,
	LOCK_LIMIT_MS = 30000,
};

#define STATE_FILE	"state.json"
#define STATE_BAD	"state.json.bad"

void state_clear(struct state *state)
{
	record_clear(&state->run);
	record_clear(&state->last);
	*state = (struct state){ .boot_id = "" };
}

int state_open(const char *directory, int *ret_fd)
{
	int fd = -1, r;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	r = file_open_own(AT_FDCWD, directory, 0, &fd);
	if (r)
		return r;
	/* The process that holds it only writes a file, but its disk may hang. */
	r = lock_take_within(fd, LOCK_LIMIT_MS);
	if (r == -EWOULDBLOCK)
		r = -ETIMEDOUT;
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* The member may be missing; if it is there it must be a good one. */
static int parse_record(struct json_object *json, const char *key, struct record *record)
{
	struct json_object *value;

	return json_object_object_get_ex(json, key, &value) ? record_from_json(value, record) : 0;
}

static int parse_text(struct json_object *json, const char *key, char *text, size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, key, &value))
		return 0;
	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) != (int)size - 1)
		return -EBADMSG;
	memcpy(text, json_object_get_string(value), size);
	return 0;
}

/* They are left out where there is nothing to say. */
static int parse_optional_members(struct json_object *json, struct state *state)
{
	const struct markstore *store;
	struct json_object *value;

	if (json_object_object_get_ex(json, "machine", &value) &&
	    machine_from_json(value, &state->machine))
		return -EBADMSG;
	if (parse_text(json, "shutdown", state->shutdown, MARK_SIZE) ||
	    (*state->shutdown && !mark_valid(state->shutdown)))
		return -EBADMSG;
	if (json_object_object_get_ex(json, "shutdown_store", &value)) {
		store = markstore_named(json_object_get_string(value) ?: "");
		if (!store)
			return -EBADMSG;
		strcpy(state->shutdown_store, store->name);
	}
	if (json_object_object_get_ex(json, "intent_spent", &value))
		state->intent_spent = json_object_get_boolean(value);
	if (json_object_object_get_ex(json, "image_spent", &value))
		state->image_spent = json_object_get_boolean(value);
	return 0;
}

static int parse_members(struct json_object *json, struct state *state)
{
	int r = parse_text(json, "boot_id", state->boot_id, BOOT_ID_SIZE);

	if (!r)
		r = parse_text(json, "handled", state->handled, HASH_SIZE);
	if (!r && *state->handled && !hash_valid(state->handled))
		r = -EBADMSG;
	if (!r)
		r = parse_optional_members(json, state);
	if (!r)
		r = parse_record(json, "run", &state->run);
	return r ? r : parse_record(json, "last", &state->last);
}

static int parse(const char *text, struct state *state, const char **ret_reason)
{
	struct json_object *json, *version;
	int r = -EBADMSG;

	/* json-c does not tell a lack of memory from bad text; malloc(3) does. */
	errno = 0;
	json = json_parse(text);
	if (!json && errno == ENOMEM)
		return -ENOMEM;
	if (!json_object_is_type(json, json_type_object))
		*ret_reason = "it is not complete JSON";
	else if (!json_object_object_get_ex(json, "version", &version))
		*ret_reason = "it has no version";
	else if (!json_object_is_type(version, json_type_int) ||
		 json_object_get_int(version) != STATE_VERSION)
		*ret_reason = "its version is not known to this vmgend";
	else
		r = parse_members(json, state);
	json_object_put(json);
	return r;
}

int state_load(int fd, struct state *ret_state, const char **ret_reason)
{
	struct state state = { .boot_id = "" };
	const char *reason = "a member of it is damaged";
	struct stat st;
	char *text;
	int r;

	r = file_read(fd, STATE_FILE, STATE_LIMIT, &text, &st);
	if (r == -ENOENT)
		return r;
	if (r) {
		reason = strerror(-r);
	} else {
		if (st.st_uid == geteuid()) {
			r = parse(text, &state, &reason);
		} else {
			reason = "it belongs to another user";
			r = -EBADMSG;
		}
		free(text);
	}
	if (!r) {
		*ret_state = state;
		return 0;
	}
	state_clear(&state);
	if (ret_reason)
		*ret_reason = reason;
	return r;
}

int state_save(int fd, const struct state *state)
{
	struct json_object *json = json_object_new_object();
	int r;

	if (!json)
		return -ENOMEM;
	r = json_add(json, "version", json_object_new_int(STATE_VERSION));
	if (!r && *state->boot_id)
		r = json_add(json, "boot_id", json_object_new_string(state->boot_id));
	if (!r && *state->handled)
		r = json_add(json, "handled", json_object_new_string(state->handled));
	if (!r)
		r = machine_add_json(&state->machine, json, "machine");
	if (!r && *state->shutdown)
		r = json_add(json, "shutdown", json_object_new_string(state->shutdown));
	if (!r && *state->shutdown_store)
		r = json_add(json, "shutdown_store", json_object_new_string(state->shutdown_store));
	if (!r && state->intent_spent)
		r = json_add(json, "intent_spent", json_object_new_boolean(true));
	if (!r && state->image_spent)
		r = json_add(json, "image_spent", json_object_new_boolean(true));
	if (!r)
		r = record_add_json(&state->run, RECORD_WHOLE, json, "run");
	if (!r)
		r = record_add_json(&state->last, RECORD_WHOLE, json, "last");
	if (!r)
		r = json_replace_file(fd, STATE_FILE, json, 0600, FILE_DURABLE);
	json_object_put(json);
	return r;
}

int state_forget(int fd)
{
	if ((unlinkat(fd, STATE_FILE, 0) && errno != ENOENT) ||
	    (unlinkat(fd, STATE_BAD, 0) && errno != ENOENT) || fsync(fd))
		return -errno;
	return 0;
}

int state_keep_bad(int fd)
{
	/* In its place it goes on saying "damaged" until a good one replaces it. */
	if ((unlinkat(fd, STATE_BAD, 0) && errno != ENOENT) ||
	    linkat(fd, STATE_FILE, fd, STATE_BAD, 0) || fsync(fd))
		return -errno;
	return 0;
}

int state_add_result(const char *directory, const char *id_hash,
		     const struct hook_result *result)
{
	struct state state;
	int fd, r;

	r = state_open(directory, &fd);
	if (r)
		return r;
	r = state_load(fd, &state, NULL);
	if (r)
		goto out;
	if (strcmp(state.run.id_hash, id_hash))
		r = -ESTALE;
	if (!r)
		r = record_set_result(&state.run, result);
	if (!r)
		r = state_save(fd, &state);
	state_clear(&state);
out:
	close(fd);
	return r;
}

int state_result(const char *directory, const char *id_hash, const char *hook,
		 struct hook_result *ret_result)
{
	const struct hook_result *result;
	struct state state;
	int fd, r;

	r = state_open(directory, &fd);
	if (r)
		return r;
	r = state_load(fd, &state, NULL);
	close(fd);
	if (r)
		return r;
	result = strcmp(state.run.id_hash, id_hash) ? NULL : record_result(&state.run, hook);
	if (result) {
		*ret_result = *result;
		/* It goes with the state. */
		ret_result->output = NULL;
	}
	state_clear(&state);
	return result ? 0 : -ENOENT;
}

bool state_holds_start(const char *directory)
{
	struct state state;
	bool holds;
	int fd, r;

	if (state_open(directory, &fd))
		return true;
	r = state_load(fd, &state, NULL);
	close(fd);
	if (r)
		return r != -ENOENT;
	holds = *state.run.id_hash && state.run.event != EVENT_CHANGED;
	state_clear(&state);
	return holds;
}

int state_boot_id(char ret_boot_id[BOOT_ID_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret_boot_id, BOOT_ID_SIZE - 1);
	close(fd);
	if (n != BOOT_ID_SIZE - 1)
		return -EIO;
	ret_boot_id[BOOT_ID_SIZE - 1] = '\0';
	return 0;
}
