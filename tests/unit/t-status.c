/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The files for everyone.
 */
#include <errno.h>

#include "base/paths.h"
#include "repair/statusfile.h"
#include "scratch.h"
#include "tap.h"

static void test_generation(void)
{
	struct stat first, second;

	equal(status_write_generation(scratch_directory, UINT64_MAX), 0, "written");
	ok(!strcmp(scratch_read("generation"), "18446744073709551615\n"), "a number and a newline");
	ok(!stat(scratch_path("generation"), &first) && (first.st_mode & 07777) == 0644, "for everyone");
	equal(status_write_generation(scratch_directory, 7), 0, "written again");
	ok(!strcmp(scratch_read("generation"), "7\n"), "a shorter number leaves nothing of the longer");
	ok(!stat(scratch_path("generation"), &second) && first.st_ino == second.st_ino, "the same file");
	equal(status_write_generation(scratch_path("none"), 7), -ENOENT, "no directory: told");
}

static void test_status(void)
{
	struct record none = { .event = EVENT_NONE };
	struct record run = {
		.id_hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.event = EVENT_CHANGED, .generation = 5, .reseed_error = -ENODATA,
	};
	struct status status = {
		.activity = "running", .device = "/dev/vmgenid", .generation = 5, .id_hash = "",
		.run = &run, .last = &none, .record_error = -ENOSPC,
	};
	struct json_object *json, *value;
	struct hook_result failed = {
		.name = "10-x", .outcome = OUTCOME_FAILED, .status = 1, .output = "a secret",
	};
	struct stat st;

	if (record_set_result(&run, &failed))
		scratch_give_up("memory");
	equal(status_write(scratch_directory, &status), 0, "written");
	ok(strstr(scratch_read("status.json"), "10-x") && !strstr(scratch_read("status.json"), "secret"),
	   "what hooks print is not for everyone");
	ok(!stat(scratch_path("status.json"), &st) && (st.st_mode & 07777) == 0644, "for everyone");
	equal(status_write_outputs(scratch_directory, "x", &run), 0, "that is written elsewhere");
	ok(strstr(scratch_read(NAME_OUTPUTS), "a secret") && !stat(scratch_path(NAME_OUTPUTS), &st) &&
	   (st.st_mode & 07777) == 0600, "for root alone");
	json = json_tokener_parse(scratch_read("status.json"));
	ok(json, "it is JSON");
	ok(json_object_object_get_ex(json, "pid", &value) && json_object_get_int(value) == getpid(), "pid");
	ok(json_object_object_get_ex(json, "record_errno", &value) && json_object_get_int(value) == ENOSPC,
	   "why nothing is recorded");
	ok(json_object_object_get_ex(json, "handled", &value) && !json_object_get_boolean(value), "handled");
	ok(!json_object_object_get_ex(json, "last", &value), "no last run");
	ok(!json_object_object_get_ex(json, "id_hash", &value), "no ID");
	ok(json_object_object_get_ex(json, "run", &value) &&
	   json_object_object_get_ex(value, "reseed_errno", &value) &&
	   json_object_get_int(value) == ENODATA, "a failed reseed is told");
	ok(json_object_object_get_ex(json, "lost", &value) && !json_object_array_length(value), "nothing is lost");
	json_object_put(json);
	status.source = WITNESS_SYSGENID;
	status.id_hash = run.id_hash;
	equal(status_write(scratch_directory, &status), 0, "written for another witness");
	json = json_tokener_parse(scratch_read("status.json"));
	ok(json_object_object_get_ex(json, "source", &value) && !strcmp(json_object_get_string(value), "sysgenid"), "its name");
	ok(json_object_object_get_ex(json, "id_hash", &value) && !strcmp(json_object_get_string(value), run.id_hash),
	   "the hash of an ID");
	ok(json_object_object_get_ex(json, "lost", &value) && json_object_array_length(value) == 1 &&
	   strstr(json_object_get_string(json_object_array_get_idx(value, 0)), "is down is not detected"), "what is lost");
	json_object_put(json);
	ok(access(scratch_path(".status.json.new"), F_OK), "nothing is left behind");
	equal(status_write(scratch_path("none"), &status), -ENOENT, "no directory: told");
	record_clear(&run);
}

int main(void)
{
	scratch_create();
	umask(077);
	test_generation();
	test_status();
	return tap_done();
}
