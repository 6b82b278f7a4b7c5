/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tests of real hooks share: hooks that are shell scripts in the scratch
 * directory, and a run of them with its log in the file "log".
 */
#ifndef RIG_H
#define RIG_H

#include <time.h>

#include "base/log.h"
#include "process/lock.h"
#include "record/statefile.h"
#include "run/run.h"
#include "scratch.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct config config;
static struct record record;
static int lock_fd;

static inline void rig_create(void)
{
	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.hook_settings_dir);
	/* Tests of all else need not wait. */
	config.jitter_sec = 0;
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	config.hook_settings_dir = strdup(scratch_path("conf"));
	if (lock_open(scratch_path("lock"), "run", &lock_fd) || lock_take(lock_fd, NULL))
		scratch_give_up("lock");
}

static inline void rig_clear(void)
{
	record_clear(&record);
	config_clear(&config);
	close(lock_fd);
}

static inline void hook(const char *name, const char *text)
{
	char path[NAME_MAX + 8], script[4096];

	snprintf(path, sizeof(path), "hooks/%s", name);
	snprintf(script, sizeof(script), "#!/bin/sh\ncd %s\n%s\n", scratch_directory, text);
	scratch_write(path, script, 0755);
}

static inline void clean_hooks(void)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cd %s && rm -rf hooks conf out-* log && mkdir hooks conf",
		 scratch_directory);
	if (system(command))
		scratch_give_up("clean");
}

static inline void begin_record(enum event event)
{
	struct state state = { .boot_id = "" };
	int fd;

	record_clear(&record);
	record = (struct record){
		.id_hash = HASH, .event = event, .generation = 42,
		.hint = "unknown", .source = "vmgenid",
	};
	state.run = record;
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
}

/* Until a hook has made this file. */
static inline void wait_for(const char *name)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int i;

	for (i = 0; i < 2000 && access(scratch_path("%s", name), F_OK); i++)
		nanosleep(&pause, NULL);
}

/* Gone, or a zombie: whoever adopted it reaps it in its own time. */
static inline bool is_dead(const char *name)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	char path[32], text[64];
	ssize_t n;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", atoi(scratch_read(name)));
	for (i = 0; i < 100; i++) {
		fd = open(path, O_RDONLY);
		n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[n < 0 ? 0 : n] = '\0';
		if (n <= 0 || strstr(text, ") Z "))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static inline void advance_to_end(struct run *run)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	while (run_advance(run))
		nanosleep(&pause, NULL);
	run_free(run);
}

/* Runs the hooks with the log in the file "log". */
static inline void run_hooks(void)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	struct run *run;

	dup2(fd, STDERR_FILENO);
	close(fd);
	if (run_new(&config, &record, RUN_ALL, lock_fd, &run))
		scratch_give_up("run");
	advance_to_end(run);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static inline bool is_recorded(const char *name, enum outcome outcome)
{
	const struct hook_result *recorded;
	struct state state = { .boot_id = "" };
	bool same;
	int fd;

	if (state_open(config.state_dir, &fd))
		scratch_give_up("state");
	(void)state_load(fd, &state, NULL);
	close(fd);
	recorded = record_result(&state.run, name);
	same = recorded && recorded->outcome == outcome;
	state_clear(&state);
	return same;
}

static inline void expect(const char *name, enum outcome outcome, int status, const char *log)
{
	const struct hook_result *result = record_result(&record, name);
	const struct timespec pause = { .tv_nsec = 5000000 };
	int i = 0;

	if (!ok(result && result->outcome == outcome && result->status == status, "%s: %s",
		name, outcome_name(outcome)))
		printf("# %s %d\n", result ? outcome_name(result->outcome) : "none",
		       result ? result->status : 0);
	/* Of a guard another process does it, a little later; of what is lost nobody. */
	if (outcome != OUTCOME_LOST) {
		while (!is_recorded(name, outcome) && i++ < 2000)
			nanosleep(&pause, NULL);
		ok(i < 2000, "%s: recorded", name);
	}
	if (log && !ok(strstr(scratch_read("log"), log), "%s: told: %s", name, log))
		printf("# %.3000s\n", scratch_read("log"));
}

#endif /* RIG_H */
