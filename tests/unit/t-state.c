/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The state file: whole or untouched, in any case.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "record/statefile.h"
#include "scratch.h"
#include "tap.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MARK "0123456789abcdef0123456789abcdef"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char directory[PATH_MAX];
static char steps[256];

static void note(const char *step)
{
	if (strlen(steps) + strlen(step) < sizeof(steps))
		strcat(steps, step);
}

/* Instead of libc's, to see the order. */
int fsync(int fd)
{
	struct stat st;

	note(fstat(fd, &st) ? "?" : S_ISDIR(st.st_mode) ? "sync directory, " : "sync file, ");
	return syscall(SYS_fsync, fd);
}

int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
	note("rename, ");
	return syscall(SYS_renameat, old_fd, old, new_fd, new);
}

int linkat(int old_fd, const char *old, int new_fd, const char *new, int flags)
{
	note("link, ");
	return syscall(SYS_linkat, old_fd, old, new_fd, new, flags);
}

static void expect_steps(const char *want)
{
	if (!ok(!strcmp(steps, want), "in this order: %s", want))
		printf("# %s\n", steps);
}

static struct state example(void)
{
	struct state state = {
		.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.handled = HASH_A,
		.machine = {
			.product_uuid = "0a1b2c3d-0000-4000-8000-00000000000a",
			.n_macs = 1, .macs = { "52:54:00:00:00:01" },
		},
		.shutdown = MARK, .shutdown_store = "tpm",
		.intent_spent = true,
		.run = {
			.id_hash = HASH_B, .event = EVENT_CHANGED, .generation = UINT64_MAX,
			.hint = "rollback", .intent = "clone", .source = "vmclock",
			.detected_usec = 1234567890123456, .reseed_error = -ENODATA,
		},
	};
	struct hook_result result = { .name = "10-a", .outcome = OUTCOME_FAILED, .status = 3 };

	if (record_set_result(&state.run, &result))
		scratch_give_up("memory");
	return state;
}

static int load(struct state *state, const char **reason)
{
	int fd, r = state_open(directory, &fd);

	if (r)
		return r;
	r = state_load(fd, state, reason);
	close(fd);
	return r;
}

static int save(const struct state *state)
{
	int fd, r = state_open(directory, &fd);

	if (r)
		return r;
	r = state_save(fd, state);
	close(fd);
	return r;
}

static void test_round_trip(void)
{
	struct state state = example(), loaded;
	struct stat st;

	equal(load(&loaded, NULL), -ENOENT, "at first there is no state");
	ok(!stat(directory, &st) && (st.st_mode & 07777) == 0700, "the directory was made, 0700");
	(void)chmod(directory, 0755);
	steps[0] = '\0';
	equal(save(&state), 0, "it is saved");
	expect_steps("sync file, rename, sync directory, ");
	ok(!stat(directory, &st) && (st.st_mode & 07777) == 0700, "an open directory is closed");
	ok(!stat(scratch_path("state/state.json"), &st) && (st.st_mode & 07777) == 0600, "the file is 0600");
	equal(load(&loaded, NULL), 0, "it is loaded");
	ok(!strcmp(loaded.boot_id, state.boot_id) && !strcmp(loaded.handled, HASH_A), "boot and ID");
	ok(!memcmp(&loaded.machine, &state.machine, sizeof(state.machine)) &&
	   loaded.intent_spent, "the machine and the used intent");
	ok(!strcmp(loaded.shutdown, MARK) && !strcmp(loaded.shutdown_store, "tpm"), "the clean shutdown");
	ok(!strcmp(loaded.run.id_hash, HASH_B) && loaded.run.event == EVENT_CHANGED &&
	   loaded.run.generation == UINT64_MAX && loaded.run.detected_usec == 1234567890123456 &&
	   loaded.run.reseed_error == -ENODATA, "the unfinished run");
	ok(!strcmp(loaded.run.hint, "rollback") && !strcmp(loaded.run.intent, "clone") &&
	   !strcmp(loaded.run.source, "vmclock"), "and what it is known to be");
	ok(loaded.run.n_results == 1 && loaded.run.results[0].outcome == OUTCOME_FAILED &&
	   loaded.run.results[0].status == 3, "and its result");
	ok(!*loaded.last.id_hash, "nothing is made up");
	state_clear(&loaded);
	state_clear(&state);
}

static void test_truncated(void)
{
	char text[8192];
	struct state loaded;
	size_t i, length, wrong = 0;
	const char *reason;

	strcpy(text, scratch_read("state/state.json"));
	/* Without its last newline it is still whole. */
	length = strlen(text) - 1;
	for (i = 0; i < length; i++) {
		char kept = text[i];

		text[i] = '\0';
		scratch_write("state/state.json", text, 0600);
		text[i] = kept;
		reason = NULL;
		wrong += load(&loaded, &reason) != -EBADMSG || !reason;
	}
	ok(length > 200 && !wrong, "cut short anywhere, it is refused with a reason");
	scratch_write("state/state.json", text, 0600);
	equal(load(&loaded, NULL), 0, "the whole is accepted");
	state_clear(&loaded);
}

static void refuse(const char *text, const char *want)
{
	struct state loaded;
	const char *reason = "";

	scratch_write("state/state.json", text, 0600);
	ok(load(&loaded, &reason) == -EBADMSG && strstr(reason, want), "refused: %s", want);
}

static void test_foreign(void)
{
	struct state loaded, state;
	const char *reason = "";
	char *big;
	int fd;

	refuse("[]", "not complete JSON");
	refuse("{}", "no version");
	refuse("{\"version\":2}", "version is not known");
	refuse("{\"version\":\"1\"}", "version is not known");
	refuse("{\"version\":1,\"handled\":\"x\"}", "damaged");
	refuse("{\"version\":1,\"handled\":7}", "damaged");
	refuse("{\"version\":1,\"run\":[]}", "damaged");
	refuse("{\"version\":1,\"machine\":1}", "damaged");
	refuse("{\"version\":1,\"shutdown\":true}", "damaged");
	refuse("{\"version\":1,\"shutdown\":\"0123\"}", "damaged");
	refuse("{\"version\":1,\"shutdown\":\"0123456789ABCDEF0123456789ABCDEF\"}", "damaged");
	refuse("{\"version\":1,\"shutdown_store\":\"floppy\"}", "damaged");
	refuse("{\"version\":1,\"shutdown_store\":null}", "damaged");
	scratch_write("state/state.json", "{\"version\":1}", 0600);
	equal(load(&loaded, NULL), 0, "an empty one is accepted");
	state_clear(&loaded);
	(void)!chown(scratch_path("state/state.json"), 1000, 1000);
	ok(load(&loaded, &reason) == -EBADMSG && strstr(reason, "another user"), "refused: another user's");
	unlink(scratch_path("state/state.json"));
	(void)!symlink("elsewhere", scratch_path("state/state.json"));
	equal(load(&loaded, &reason), -ELOOP, "refused: a symbolic link");
	unlink(scratch_path("state/state.json"));
	(void)!mkfifo(scratch_path("state/state.json"), 0600);
	equal(load(&loaded, &reason), -EINVAL, "refused: a FIFO, without waiting for a writer");
	unlink(scratch_path("state/state.json"));
	big = calloc(1, 2 << 20);
	memset(big, ' ', (2 << 20) - 1);
	scratch_write("state/state.json", big, 0600);
	free(big);
	equal(load(&loaded, &reason), -EFBIG, "refused: far too big");
	equal(state_open(directory, &fd), 0, "locked");
	scratch_write("state/state.json.bad", "older", 0600);
	steps[0] = '\0';
	equal(state_keep_bad(fd), 0, "a bad file is kept");
	expect_steps("link, sync directory, ");
	close(fd);
	ok(*scratch_read("state/state.json.bad") == ' ', "as the newest one");
	equal(load(&loaded, NULL), -EFBIG, "and stays bad until a good one is saved");
	state = example();
	equal(save(&state), 0, "it is replaced");
	state_clear(&state);
	ok(*scratch_read("state/state.json.bad") == ' ', "and kept");
}

/* The file size limit makes the write fail, or kills in the middle of it. */
static int save_with_limit(const struct state *state, void (*on_limit)(int))
{
	struct rlimit limit = { .rlim_cur = 50, .rlim_max = 50 };
	pid_t pid = fork();
	int status;

	if (!pid) {
		(void)signal(SIGXFSZ, on_limit);
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		_exit(save(state) == -EFBIG ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_failed_write(void)
{
	struct state state = example(), loaded;
	int status;

	equal(save(&state), 0, "a good state");
	strcpy(state.handled, HASH_B);
	equal(save_with_limit(&state, SIG_IGN), 0, "a write that fails is told");
	equal(load(&loaded, NULL), 0, "the old state is still whole");
	ok(!strcmp(loaded.handled, HASH_A), "and still the old one");
	state_clear(&loaded);
	ok(access(scratch_path("state/.state.json.new"), F_OK), "nothing is left behind");
	status = save_with_limit(&state, SIG_DFL);
	ok(WIFSIGNALED(status), "a writer died in the middle of a write");
	equal(load(&loaded, NULL), 0, "the old state is still whole");
	ok(!strcmp(loaded.handled, HASH_A), "and still the old one");
	state_clear(&loaded);
	equal(save(&state), 0, "what it left behind is not in the way");
	equal(load(&loaded, NULL), 0, "the new state is whole");
	ok(!strcmp(loaded.handled, HASH_B), "and the new one");
	state_clear(&loaded);
	state_clear(&state);
}

static void test_killed(void)
{
	struct state state = example(), loaded;
	int i, whole = 0;
	pid_t pid;

	for (i = 0; i < 40; i++) {
		pid = fork();
		if (!pid)
			for (;;)
				(void)save(&state);
		usleep(500 + i * 300);
		(void)kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (load(&loaded, NULL))
			continue;
		whole += loaded.run.n_results == 1;
		state_clear(&loaded);
	}
	equal(whole, 40, "killed at any moment, the state is whole, and the lock is free");
	state_clear(&state);
}

static void test_results(void)
{
	struct state state = example();
	struct hook_result result = { .outcome = OUTCOME_SUCCEEDED, .duration_ms = 5 };
	int i, status, good = 0;

	equal(save(&state), 0, "a run begins");
	for (i = 0; i < 8; i++) {
		snprintf(result.name, sizeof(result.name), "2%d-x", i);
		if (!fork())
			_exit(state_add_result(directory, HASH_B, &result) != 0);
	}
	for (i = 0; i < 8; i++)
		good += wait(&status) > 0 && !status;
	equal(good, 8, "eight processes add a result at once");
	state_clear(&state);
	equal(load(&state, NULL), 0, "the state is whole");
	for (good = 0, i = 0; i < 8; i++) {
		snprintf(result.name, sizeof(result.name), "2%d-x", i);
		good += record_result(&state.run, result.name) != NULL;
	}
	equal(good, 8, "and none is lost");
	equal(state_add_result(directory, HASH_A, &result), -ESTALE, "none for another ID");
	state_clear(&state);
}

/* Returns how much of the outputs is kept. */
static size_t kept(const struct record *record)
{
	size_t i, size = 0;

	for (i = 0; i < record->n_results; i++)
		size += record->results[i].output ? strlen(record->results[i].output) + 1 : 0;
	return size;
}

static void test_outputs(void)
{
	struct hook_result result = { .outcome = OUTCOME_FAILED, .status = 1 };
	struct state state = example(), loaded;
	char text[1024];
	int i;

	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[3] = '\n';
	result.output = text;
	for (i = 0; i < 1000; i++) {
		snprintf(result.name, sizeof(result.name), "30-%d", i);
		if (record_set_result(&state.run, &result))
			scratch_give_up("memory");
	}
	equal(kept(&state.run), RECORD_OUTPUT_MAX, "of a thousand outputs what fits is kept");
	ok(record_result(&state.run, "30-999"), "and all results");
	equal(save(&state), 0, "that can be written");
	equal(load(&loaded, NULL), 0, "and read");
	equal(kept(&loaded.run), RECORD_OUTPUT_MAX, "with all that");
	ok(!strcmp(record_result(&loaded.run, "30-0")->output, text), "as it was");
	state_clear(&loaded);
	strcpy(result.name, "30-0");
	result.output = "other";
	equal(record_set_result(&state.run, &result), 0, "another result of a hook");
	ok(!strcmp(record_result(&state.run, "30-0")->output, "other"), "brings its own");
	strcpy(result.name, "30-999");
	result.output = text;
	result.outcome = OUTCOME_SUCCEEDED;
	equal(record_set_result(&state.run, &result), 0, "of what succeeded");
	ok(!record_result(&state.run, "30-999")->output, "none is kept where others need the room");
	strcpy(result.name, "30-1");
	equal(record_set_result(&state.run, &result), 0, "nor of one that had failed before");
	strcpy(result.name, "30-999");
	result.outcome = OUTCOME_FAILED;
	equal(record_set_result(&state.run, &result), 0, "of what fails then");
	ok(record_result(&state.run, "30-999")->output && !record_result(&state.run, "30-1")->output,
	   "it takes that room");
	equal(save(&state), 0, "for a keeper's eyes");
	equal(state_result(directory, HASH_B, "30-0", &result), 0, "a result is looked up");
	ok(!result.output, "without its output, which is gone with the state");
	state_clear(&state);
}

static void test_forget(void)
{
	struct state loaded;
	int fd;

	scratch_write("state/state.json.bad", "x", 0600);
	equal(state_open(directory, &fd), 0, "locked");
	steps[0] = '\0';
	equal(state_forget(fd), 0, "forgotten");
	expect_steps("sync directory, ");
	equal(state_forget(fd), 0, "nothing is left to forget");
	close(fd);
	equal(load(&loaded, NULL), -ENOENT, "there is no state");
	ok(access(scratch_path("state/state.json.bad"), F_OK), "nor a damaged one");
}

static void test_no_directory(void)
{
	struct state state = example(), loaded;

	scratch_write("state/state.json", "", 0600);
	strcpy(directory, scratch_path("state/state.json"));
	equal(save(&state), -ENOTDIR, "a file in the place of the directory");
	equal(load(&loaded, NULL), -ENOTDIR, "is told");
	strcpy(directory, scratch_path("no/such"));
	equal(save(&state), -ENOENT, "so is a missing parent");
	state_clear(&state);
}

int main(void)
{
	scratch_create();
	strcpy(directory, scratch_path("state"));
	test_round_trip();
	test_truncated();
	test_foreign();
	test_failed_write();
	test_killed();
	test_results();
	test_outputs();
	test_forget();
	test_no_directory();
	return tap_done();
}
