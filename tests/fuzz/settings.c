/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What administrators write: vmgend.conf with a drop-in, and the settings of a hook. A mistake
 * has one line that names the file; what is taken keeps the bounds that the manual gives.
 *
 * Input: vmgend.conf, the drop-in, the settings, as parts.h has them.
 */
#include <errno.h>

#include "base/text.h"
#include "config/config.h"
#include "parts.h"
#include "place.h"

#define CONFIG	PLACE "/vmgend.conf"
#define DROP_IN	CONFIG ".d/10-more.conf"
#define SETTING	PLACE "/hooks.conf.d"
#define HOOK	"50-repair"

/* Text of the file may be in it, which log_line() and text_print() make safe. */
static void demand_told(const char *error, const char *path)
{
	char safe[4 * SETTINGS_ERROR_SIZE];

	demand(strnlen(error, SETTINGS_ERROR_SIZE) < SETTINGS_ERROR_SIZE && strstr(error, path));
	demand(is_line(text_safe(error, safe, sizeof(safe))));
}

static bool is_seconds(unsigned int number, unsigned int least)
{
	return number >= least && number <= 86400;
}

static bool is_path(const char *path)
{
	return *path == '/' && !strpbrk(path, "\n\r\033\177");
}

static void try_config(void)
{
	char error[SETTINGS_ERROR_SIZE] = "";
	struct config config, again;
	int r;

	demand(!config_init(&config) && !config_init(&again));
	r = config_read(&config, CONFIG, false, error);
	if (r)
		demand_told(error, CONFIG);
	demand(is_seconds(config.hook_timeout_sec, 1) && is_seconds(config.jitter_sec, 0));
	demand(is_path(config.hook_path) && is_path(config.hook_settings_dir) &&
	       is_path(config.intent_file) && is_path(config.seed_file));
	demand(config.boot_change <= BOOT_CHANGE_IGNORE);
	/* The same file says the same, and of one that is wrong nothing is taken over. */
	demand(config_reload(&again, CONFIG, false, error) == r || !strcmp(SETTING, config.hook_settings_dir));
	if (r)
		demand(again.hook_timeout_sec == 90 && again.jitter_sec == 5 && again.fork_sentinels);
	config_clear(&config);
	config_clear(&again);
}

static void try_hook(void)
{
	char error[SETTINGS_ERROR_SIZE] = "";
	struct hook_settings settings, untouched;
	struct config config;
	int r;

	demand(!config_init(&config));
	free(config.hook_settings_dir);
	config.hook_settings_dir = strdup(SETTING);
	memset(&settings, 0, sizeof(settings));
	memset(settings.user, 'x', sizeof(settings.user));
	untouched = settings;
	r = config_read_hook(&config, HOOK, &settings, error);
	demand(config_check_hooks(&config, error) == r);
	if (r) {
		demand_told(error, SETTING "/" HOOK ".conf");
		demand(!memcmp(&untouched, &settings, sizeof(settings)));
	} else {
		demand(is_seconds(settings.timeout_sec, 1) && is_seconds(settings.jitter_sec, 0));
		demand(settings.retries <= 10);
		demand(memchr(settings.user, '\0', sizeof(settings.user)));
	}
	config_clear(&config);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	place_mkdir(CONFIG ".d");
	place_mkdir(SETTING);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { CONFIG, DROP_IN, SETTING "/" HOOK ".conf" };
	struct parts parts = { data, size };
	int before = count_descriptors();
	size_t i, length = 0;
	char *part;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		part = part_take(&parts, &length);
		place_write(paths[i], part, length);
		free(part);
	}
	try_config();
	try_hook();
	demand(count_descriptors() == before);
	return 0;
}
