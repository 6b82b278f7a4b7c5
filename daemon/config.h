/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The configuration of vmgend: vmgend.conf with its drop-ins, and one optional
 * file of settings per hook.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>

#include "settings.h"

struct config {
	/* From the command line or built in. */
	char *device, *state_dir, *runtime_dir;
	/* Directories with ':' between them; the first has priority. */
	char *hook_path;
	char *hook_settings_dir;
	unsigned int hook_timeout_sec;
	/* From SIGTERM to SIGKILL. */
	unsigned int kill_grace_ms;
};

struct hook_settings {
	bool enabled;
	unsigned int timeout_sec;
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

/*
 * Reads all of it anew, the settings of hooks included, and takes it over if
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

#endif /* CONFIG_H */
