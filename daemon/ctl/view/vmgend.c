/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend says about itself, read from its files: there is no socket that
 * could be in the way of the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/paths.h"
#include "vmgend.h"

enum { STATUS_LIMIT = 1 << 20 };

static int read_file(const char *directory, const char *name, char **ret_text)
{
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = file_read(fd, name, STATUS_LIMIT, ret_text, NULL);
	close(fd);
	return r;
}

/*
 * Its process ID may belong to another process by now, of anybody, with any name. The
 * kernel escapes what could end the line of the name.
 */
static bool is_vmgend(uint64_t pid)
{
	static const char name[] = "Name:\tvmgend\n";
	char path[32], *status;
	const char *uid;
	bool same;

	if (!pid || pid > INT_MAX || (kill(pid, 0) && errno != EPERM))
		return false;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (read_file(path, "status", &status))
		return true;
	uid = strstr(status, "\nUid:\t");
	same = !strncmp(status, name, sizeof(name) - 1) && uid && !strncmp(uid + 6, "0\t0\t", 4);
	free(status);
	return same;
}

int vmgend_status(const char *runtime_dir, struct json_object **ret_status, bool *ret_running)
{
	struct json_object *status;
	const char *activity;
	uint64_t pid;
	char *text;
	int r;

	r = read_file(runtime_dir, NAME_STATUS, &text);
	if (r)
		return r;
	status = json_parse(text);
	free(text);
	if (json_get_text(status, "activity", &activity) || json_get_number(status, "pid", &pid)) {
		json_object_put(status);
		return -EBADMSG;
	}
	*ret_running = strcmp(activity, "stopped") && is_vmgend(pid);
	*ret_status = status;
	return 0;
}

int vmgend_outputs(const char *runtime_dir, const char *id, struct json_object **ret_hooks)
{
	struct json_object *json, *hooks;
	const char *written;
	char *text;
	int r;

	r = read_file(runtime_dir, NAME_OUTPUTS, &text);
	if (r)
		return r;
	json = json_parse(text);
	free(text);
	if (!json_get_text(json, "id", &written) && !strcmp(written, id) &&
	    json_object_object_get_ex(json, "hooks", &hooks) &&
	    json_object_is_type(hooks, json_type_object))
		*ret_hooks = json_object_get(hooks);
	else
		r = -EBADMSG;
	json_object_put(json);
	return r;
}

int vmgend_generation(const char *runtime_dir, uint64_t *ret_generation)
{
	char *text, *end;
	uint64_t generation;
	int r;

	r = read_file(runtime_dir, NAME_GENERATION, &text);
	if (r)
		return r;
	generation = strtoull(text, &end, 10);
	r = end == text || *end != '\n' ? -EBADMSG : 0;
	free(text);
	if (!r)
		*ret_generation = generation;
	return r;
}
