/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The history of runs: bounded, whole, and each run once.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "record/historyfile.h"
#include "record/statefile.h"
#include "scratch.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char steps[64];

/* Instead of libc's, to see the order. */
int fsync(int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && strlen(steps) < 32)
		strcat(steps, S_ISDIR(st.st_mode) ? "directory, " : "file, ");
	return syscall(SYS_fsync, fd);
}

int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
	if (strlen(steps) < 32)
		strcat(steps, "rename, ");
	return syscall(SYS_renameat, old_fd, old, new_fd, new);
}

/* NFS tells only at the end what it could not write. */
static bool close_fails;

int close(int fd)
{
	int r = syscall(SYS_close, fd);

	errno = EDQUOT;
	return close_fails && strstr(steps, "file, ") ? -1 : r;
}

static int add(uint64_t detected, size_t n_hooks)
{
	struct record run = {
		.id_hash = HASH, .event = EVENT_CHANGED, .detected_usec = detected, .hint = "unknown",
	};
	struct hook_result result = { .outcome = OUTCOME_SUCCEEDED };
	int fd, r;
	size_t i;

	for (i = 0; i < n_hooks; i++) {
		snprintf(result.name, sizeof(result.name), "10-%zu", i);
		if (record_set_result(&run, &result))
			scratch_give_up("memory");
	}
	if (state_open(scratch_path("state"), &fd))
		scratch_give_up("state");
	r = history_add(fd, &run);
	close(fd);
	record_clear(&run);
	return r;
}

/* Returns how many runs there are, and the time of the first and the last. */
static int look(uint64_t *first, uint64_t *last)
{
	struct json_object *runs;
	struct record run;
	int n, i, r;

	r = history_read(scratch_path("state"), &runs);
	if (r)
		return r;
	n = json_object_array_length(runs);
	for (i = 0; i < n; i++) {
		if (record_from_json(json_object_array_get_idx(runs, i), &run))
			scratch_give_up("record");
		if (!i)
			*first = run.detected_usec;
		*last = run.detected_usec;
		record_clear(&run);
	}
	json_object_put(runs);
	return n;
}

static void test_add(void)
{
	uint64_t first, last;
	struct stat st;
	const char *p;
	int i, lines = 0;

	equal(look(&first, &last), -ENOENT, "no directory");
	steps[0] = '\0';
	equal(add(1, 2), 0, "a run");
	ok(!strcmp(steps, "file, rename, directory, "), "is on disk, and so is its name");
	equal(look(&first, &last), 1, "is in it");
	ok(!stat(scratch_path("state/history"), &st) && (st.st_mode & 07777) == 0600, "it is root's alone");
	equal(add(1, 2), 0, "the same run once more, after a crash");
	equal(look(&first, &last), 1, "is not");
	steps[0] = '\0';
	close_fails = true;
	equal(add(2, 0), -EDQUOT, "what fails at the very end is told");
	close_fails = false;
	equal(look(&first, &last), 1, "and leaves all as it was");
	equal(add(2, 0), 0, "a second");
	ok(look(&first, &last) == 2 && first == 1 && last == 2, "comes after it");
	for (p = scratch_read("state/history"); (p = strchr(p, '\n')); p++)
		lines++;
	equal(lines, 2, "one line for each");
	for (i = 3; i < 1000; i++)
		if (add(i, 0))
			break;
	equal(i, 1000, "very many");
	ok(!stat(scratch_path("state/history"), &st) && st.st_size <= 128 << 10 && st.st_size > 120 << 10,
	   "do not make it grow");
	ok(look(&first, &last) > 200 && first > 3 && last == 999, "the oldest ones gave way");
	equal(add(1000, 1000), 0, "one of a thousand hooks");
	ok(look(&first, &last) >= 1 && last == 1000, "has room");
	equal(add(1001, 1000), 0, "so has another");
	ok(look(&first, &last) >= 1 && last == 1001, "and can be read");
}

static void test_damaged(void)
{
	uint64_t first, last;
	char *text;

	scratch_write("state/history", "{}\n", 0600);
	equal(look(&first, &last), -EBADMSG, "what is no run is told");
	equal(add(1, 0), -EBADMSG, "and not overwritten");
	ok(!strcmp(scratch_read("state/history"), "{}\n"), "it is as it was");
	unlink(scratch_path("state/history"));
	equal(add(1, 1), 0, "a run");
	if (asprintf(&text, "%.*s}\n", (int)strcspn(scratch_read("state/history"), "\n"),
		     scratch_read("state/history")) < 0)
		scratch_give_up("memory");
	scratch_write("state/history", text, 0600);
	free(text);
	equal(look(&first, &last), -EBADMSG, "something behind a run is told");
	equal(add(2, 0), -EBADMSG, "and not built on");
	scratch_write("state/history", "", 0600);
	equal(look(&first, &last), 0, "an empty one is good");
	equal(add(1, 0), 0, "and can be added to");
	(void)!chown(scratch_path("state/history"), 1000, 1000);
	equal(look(&first, &last), -EPERM, "that of another user is refused");
}

int main(void)
{
	scratch_create();
	test_add();
	test_damaged();
	return tap_done();
}
