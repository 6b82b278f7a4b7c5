/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * config/: what administrators wrote: vmgend.conf, the settings of hooks, and which
 * hooks there are.
 *
 * In: files, each checked before it is read, and the command line.
 * Out: a struct config that is whole, or a text that names file, line, key and remedy;
 * lists of hooks; descriptors of hooks that may be executed.
 * Never: half of a configuration in use, or a file that others than root can change.
 *
 * The configuration of vmgend: vmgend.conf with its drop-ins, and one optional
 * file of settings per hook.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>

#include "settings.h"

/* What is done at boot-changed beside what nothing skips. */
enum boot_change {
	BOOT_CHANGE_RUN,
	/* Unless a mark outside the disk says that the disk is as the last shutdown left it. */
	BOOT_CHANGE_COUNTER,
	BOOT_CHANGE_IGNORE,
};

struct config {
	/* From the command line or built in. */
	char *device, *state_dir, *runtime_dir;
	/* Where the kernel shows this machine, and its processes. */
	const char *sysfs, *proc;
	/* Directories with ':' between them; the first has priority. */
	char *hook_path;
	char *hook_settings_dir;
	char *intent_file, *seed_file;
	enum boot_change boot_change;
	/* Those of programs are zeroed at a change. */
	bool fork_sentinels;
	unsigned int hook_timeout_sec;
	/* The longest jitter of hooks that may have one by default. */
	unsigned int jitter_sec;
	/* From SIGTERM to SIGKILL. */
	unsigned int kill_grace_ms;
	/* Before a hook is tried again. */
	unsigned int retry_pause_ms;
};

struct hook_settings {
	bool enabled;
	unsigned int timeout_sec;
	/* How often it is tried again when it fails. */
	unsigned int retries;
	/* It begins after a random time up to this one; a guard begins at once. */
	unsigned int jitter_sec;
	/* A guard of root's is executed before there is a change, and waits for it. */
	bool standby;
	/* As whom it is run; empty: root. */
	char user[SETTINGS_USER_SIZE];
};

/* Fills in what holds without any file. Returns 0 or -ENOMEM. */
int config_init(struct config *config);

/* Frees what belongs to it. */
void config_clear(struct config *config);

/*
 * Reads the file, then *.conf of PATH.d in the order of their names. A missing
 * file is an error only if it is required. config may be half changed on
 * failure. Returns 0, or -errno and ret_error, which names file, line and key.
 */
int config_read(struct config *config, const char *path, bool required,
		char ret_error[SETTINGS_ERROR_SIZE]);

/* Returns the settings of a hook that has no file. */
struct hook_settings config_hook_defaults(const struct config *config, const char *hook);

/*
 * Reads all of it again, the settings of hooks included, and takes it over if
 * there is no mistake; paths of the command line stay. As config_read(), but
 * config is never half changed.
 */
int config_reload(struct config *config, const char *path, bool required,
		  char ret_error[SETTINGS_ERROR_SIZE]);

/* Reads the settings of one hook; no file: the defaults. As config_read(). */
int config_read_hook(const struct config *config, const char *hook,
		     struct hook_settings *ret_settings, char ret_error[SETTINGS_ERROR_SIZE]);

/* Reads the settings of every hook that has a file. As config_read(). */
int config_check_hooks(const struct config *config, char ret_error[SETTINGS_ERROR_SIZE]);

/*
 * Looks up the users that the settings of hooks name; see account_find(). As
 * config_read().
 */
int config_check_users(const struct config *config, char ret_error[SETTINGS_ERROR_SIZE]);

#endif /* CONFIG_H */
