/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The configuration of vmgend: which keys there are, what they may be, and
 * which files hold them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/guest.h"
#include "base/paths.h"
#include "base/trust.h"
#include "config.h"
#include "hook.h"
#include "process/account.h"

/* What comes before the network is not worth a delay: it asks nobody else. */
enum { FIRST_SPREAD_BAND = 40 };

/* For a name service that hangs, at --check-config; nobody wants to wait for more. */
enum { USER_LIMIT_SEC = 10 };

static const char seconds[] = "a number of seconds from 1 to 86400";
static const char delay[] = "a number of seconds from 0 to 86400";

static int parse_boot_change(const char *value, void *target)
{
	static const char *const words[] = {
		[BOOT_CHANGE_RUN] = "run", [BOOT_CHANGE_COUNTER] = "counter",
		[BOOT_CHANGE_IGNORE] = "ignore",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], value))
			continue;
		*(enum boot_change *)target = i;
		return 0;
	}
	return -EINVAL;
}

static const struct setting daemon_table[] = {
	{ "boot-change", parse_boot_change,
	  offsetof(struct config, boot_change), "\"run\", \"counter\" or \"ignore\"" },
	{ "fork-sentinels", settings_parse_bool,
	  offsetof(struct config, fork_sentinels), "\"yes\" or \"no\"" },
	{ "hook-timeout", settings_parse_seconds,
	  offsetof(struct config, hook_timeout_sec), seconds },
	{ "jitter", settings_parse_delay,
	  offsetof(struct config, jitter_sec), delay },
	{ "hook-path", settings_parse_paths,
	  offsetof(struct config, hook_path), "absolute paths with ':' between them" },
	{ "hook-settings", settings_parse_path,
	  offsetof(struct config, hook_settings_dir), "an absolute path" },
	{ "intent-file", settings_parse_path,
	  offsetof(struct config, intent_file), "an absolute path" },
	{ "seed-file", settings_parse_path,
	  offsetof(struct config, seed_file), "an absolute path" },
	{ .key = NULL },
};

static const struct setting hook_table[] = {
	{ "enabled", settings_parse_bool,
	  offsetof(struct hook_settings, enabled), "\"yes\" or \"no\"" },
	{ "timeout", settings_parse_seconds,
	  offsetof(struct hook_settings, timeout_sec), seconds },
	{ "retries", settings_parse_retries,
	  offsetof(struct hook_settings, retries), "a number from 0 to 10" },
	{ "jitter", settings_parse_delay,
	  offsetof(struct hook_settings, jitter_sec), delay },
	{ "standby", settings_parse_bool,
	  offsetof(struct hook_settings, standby), "\"yes\" or \"no\"" },
	{ "user", settings_parse_user,
	  offsetof(struct hook_settings, user), "the name of a user" },
	{ .key = NULL },
};

int config_init(struct config *config)
{
	*config = (struct config){
		.device = strdup(PATH_DEVICE),
		.state_dir = strdup(PATH_STATE_DIR),
		.runtime_dir = strdup(PATH_RUNTIME_DIR),
		.sysfs = GUEST_SYSFS,
		.proc = "/proc",
		.fork_sentinels = true,
		.hook_path = strdup(PATH_HOOKS),
		.hook_settings_dir = strdup(PATH_HOOK_SETTINGS),
		.intent_file = strdup(PATH_INTENT),
		.seed_file = strdup(PATH_SEED),
		.boot_change = BOOT_CHANGE_RUN,
		.hook_timeout_sec = 90,
		.jitter_sec = 5,
		.kill_grace_ms = 5000,
		.retry_pause_ms = 5000,
	};
	if (config->device && config->state_dir && config->runtime_dir && config->hook_path &&
	    config->hook_settings_dir && config->intent_file && config->seed_file)
		return 0;
	config_clear(config);
	return -ENOMEM;
}

void config_clear(struct config *config)
{
	free(config->device);
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->hook_path);
	free(config->hook_settings_dir);
	free(config->intent_file);
	free(config->seed_file);
	*config = (struct config){ .device = NULL };
}

static int is_settings_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return *entry->d_name != '.' && length > 5 && !strcmp(entry->d_name + length - 5, ".conf");
}

typedef int (*read_file)(const char *path, void *context, char *ret_error);

/* Calls read for each *.conf file in the order of the names. */
static int for_each_file(const char *directory, read_file read, void *context, char *ret_error)
{
	char path[PATH_MAX];
	struct dirent **entries;
	int fd, i, n, r;

	/* Nor may others take a file away. */
	r = trust_open_directory(directory, &fd, ret_error, SETTINGS_ERROR_SIZE);
	if (r)
		return r == -ENOENT ? 0 : r;
	close(fd);
	n = scandir(directory, &entries, is_settings_file, alphasort);
	if (n < 0) {
		r = -errno;
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s: %s", directory, strerror(-r));
		return r;
	}
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (!r)
			r = read(path, context, ret_error);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int read_daemon_file(const char *path, void *context, char *ret_error)
{
	return settings_read(path, "vmgend", daemon_table, context, ret_error);
}

int config_read(struct config *config, const char *path, bool required,
		char ret_error[SETTINGS_ERROR_SIZE])
{
	char directory[PATH_MAX];
	int r;

	if (snprintf(directory, sizeof(directory), "%s.d", path) >= (int)sizeof(directory))
		return -ENAMETOOLONG;
	r = read_daemon_file(path, config, ret_error);
	if (r && (r != -ENOENT || required))
		return r;
	return for_each_file(directory, read_daemon_file, config, ret_error);
}

struct hook_settings config_hook_defaults(const struct config *config, const char *hook)
{
	return (struct hook_settings){
		.enabled = true,
		.timeout_sec = config->hook_timeout_sec,
		.jitter_sec = hook_band(hook) < FIRST_SPREAD_BAND ? 0 : config->jitter_sec,
	};
}

int config_read_hook(const struct config *config, const char *hook,
		     struct hook_settings *ret_settings, char ret_error[SETTINGS_ERROR_SIZE])
{
	struct hook_settings settings = config_hook_defaults(config, hook);
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s.conf", config->hook_settings_dir, hook);
	r = settings_read(path, "hook", hook_table, &settings, ret_error);
	if (r && r != -ENOENT)
		return r;
	*ret_settings = settings;
	return 0;
}

static int check_hook_file(const char *path, void *context, char *ret_error)
{
	const char *name = strrchr(path, '/') + 1;
	struct hook_settings settings;
	char hook[NAME_MAX + 1];

	snprintf(hook, sizeof(hook), "%.*s", (int)strlen(name) - 5, name);
	if (!hook_name_valid(hook)) {
		snprintf(ret_error, SETTINGS_ERROR_SIZE,
			 "%s: \"%s\" is not the name of a hook (two digits, '-', then letters, digits, '-' or '_')",
			 path, hook);
		return -EINVAL;
	}
	return config_read_hook(context, hook, &settings, ret_error);
}

int config_check_hooks(const struct config *config, char ret_error[SETTINGS_ERROR_SIZE])
{
	return for_each_file(config->hook_settings_dir, check_hook_file, (void *)config, ret_error);
}

static int check_user(const char *path, void *context, char *ret_error)
{
	struct hook_settings settings = { .timeout_sec = USER_LIMIT_SEC };
	char text[ACCOUNT_ERROR_SIZE];
	struct account account;
	unsigned int limit_ms;
	int r;

	(void)context;
	r = settings_read(path, "hook", hook_table, &settings, ret_error);
	if (r || !*settings.user)
		return r;
	limit_ms = 1000 * (settings.timeout_sec < USER_LIMIT_SEC ? settings.timeout_sec :
								   USER_LIMIT_SEC);
	r = account_find(settings.user, limit_ms, &account);
	if (r) {
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s: user \"%s\": %s", path,
			 settings.user, account_strerror(r, limit_ms, text));
		return r;
	}
	account_clear(&account);
	return 0;
}

int config_check_users(const struct config *config, char ret_error[SETTINGS_ERROR_SIZE])
{
	return for_each_file(config->hook_settings_dir, check_user, NULL, ret_error);
}

static void swap(char **first, char **second)
{
	char *text = *first;

	*first = *second;
	*second = text;
}

int config_reload(struct config *config, const char *path, bool required,
		  char ret_error[SETTINGS_ERROR_SIZE])
{
	struct config fresh, old = *config;
	int r;

	r = config_init(&fresh);
	if (r) {
		snprintf(ret_error, SETTINGS_ERROR_SIZE, "%s", strerror(-r));
		return r;
	}
	r = config_read(&fresh, path, required, ret_error);
	if (!r)
		r = config_check_hooks(&fresh, ret_error);
	if (r) {
		config_clear(&fresh);
		return r;
	}
	swap(&fresh.device, &old.device);
	swap(&fresh.state_dir, &old.state_dir);
	swap(&fresh.runtime_dir, &old.runtime_dir);
	*config = fresh;
	config_clear(&old);
	return 0;
}
