/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tests of real hooks share: hooks that are shell scripts in the scratch
 * directory, and a run of them with its log in the file "log".
 */
#ifndef RIG_H
#define RIG_H

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/log.h"
#include "clock.h"
#include "process/lock.h"
#include "record/statefile.h"
#include "run/run.h"
#include "scratch.h"
#include "tap.h"

/* What is set as the time of hooks whose time has to end, and what is more than that. */
#define RIG_TIMEOUT	"[hook]\ntimeout=600\n"
enum { RIG_LONGER_SEC = 1000 };

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct config config;
static struct record record;
static int lock_fd;

/* Instead of libc's: keepers look at the clock again, however long they have time. */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	struct timespec look = { .tv_nsec = 20000000 };

	if (limit && !limit->tv_sec && limit->tv_nsec < look.tv_nsec)
		look = *limit;
	return syscall(SYS_ppoll, fds, n, &look, mask, _NSIG / 8);
}

static inline void rig_create(void)
{
	scratch_create();
	clock_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.hook_settings_dir);
	/* Tests of all else need not wait. */
	config.jitter_sec = 0;
	config.fork_sentinels = false;
	/* Of hooks whose time must not end. */
	config.hook_timeout_sec = 86400;
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

	for (i = 0; i < 2 * SCRATCH_LOOKS && access(scratch_path("%s", name), F_OK); i++)
		nanosleep(&pause, NULL);
}

/* Gone, or a zombie: the process that adopted it reaps it in its own time. */
static inline bool is_dead(const char *name)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	char path[32], text[64];
	ssize_t n;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", atoi(scratch_read(name)));
	for (i = 0; i < SCRATCH_LOOKS; i++) {
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

static inline struct state load_state(void)
{
	struct state state = { .boot_id = "" };
	int fd;

	if (state_open(config.state_dir, &fd))
		scratch_give_up("state");
	(void)state_load(fd, &state, NULL);
	close(fd);
	return state;
}

/* Is there something in each of these files, and on record of each of these hooks? */
static inline bool have_come(const char *const *names)
{
	struct state state = load_state();
	bool is_hook, come = true;

	for (; come && *names; names++) {
		is_hook = **names >= '0' && **names <= '9';
		come = is_hook ? record_result(&state.run, *names) != NULL : *scratch_read(*names);
	}
	state_clear(&state);
	return come;
}

/*
 * Runs the hooks with the log in the file "log". When these files and hooks have come,
 * the time of those with RIG_TIMEOUT is over; NULL: it is not. NULL ends the names.
 */
static inline void run_hooks_until(const char *const *names)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	struct run *run;

	dup2(fd, STDERR_FILENO);
	close(fd);
	if (run_new(&config, &record, RUN_ALL, lock_fd, &run))
		scratch_give_up("run");
	while (names && run_advance(run) && !have_come(names))
		nanosleep(&pause, NULL);
	if (names)
		*clock_ahead_sec += RIG_LONGER_SEC;
	advance_to_end(run);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static inline void run_hooks(void)
{
	run_hooks_until(NULL);
}

static inline bool is_recorded(const char *name, enum outcome outcome)
{
	struct state state = load_state();
	const struct hook_result *recorded = record_result(&state.run, name);
	bool same = recorded && recorded->outcome == outcome;

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
		while (!is_recorded(name, outcome) && i++ < 2 * SCRATCH_LOOKS)
			nanosleep(&pause, NULL);
		ok(i < 2 * SCRATCH_LOOKS, "%s: recorded", name);
	}
	if (log && !ok(strstr(scratch_read("log"), log), "%s: told: %s", name, log))
		printf("# %.3000s\n", scratch_read("log"));
}

#endif /* RIG_H */
