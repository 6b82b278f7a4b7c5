/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A process that keeps what the guards need to start in memory.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/event.h"
#include "base/log.h"
#include "config/hook.h"
#include "pin.h"
#include "pinner.h"
#include "pinset.h"
#include "process/child.h"

/* Linux writes the time of access of a file that is a day old, which reads the disk. */
enum { REFRESH_INTERVAL_SEC = 12 * 3600 };

/* Who gets the guards ready tells. */
static void __attribute__((format(printf, 2, 3))) say_nothing(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
}

static bool is_wanted(const struct config *config, const struct hook *hook)
{
	struct hook_settings settings;
	char error[SETTINGS_ERROR_SIZE];

	return event_is_guard(hook->band) && !hook->masked &&
	       (config_read_hook(config, hook->name, &settings, error) || settings.enabled);
}

static void pin_hook(const struct hook *hook, struct pins **pins)
{
	char path[HOOK_PATH_SIZE], reason[HOOK_REASON_SIZE];
	int fd, r;

	if (hook_open(hook, &fd, reason))
		return;
	snprintf(path, sizeof(path), "%s/%s", hook->directory, hook->name);
	r = pin_program(fd, path, pins);
	close(fd);
	if (r)
		log_info("%s: if the disk hangs, it may not start: %s", hook->name,
			 *pins ? pins_problem(*pins) : "out of memory");
}

static struct pins *pin_all(const struct config *config)
{
	struct pins *pins = NULL;
	struct hook_list list;
	char self[PATH_MAX];
	ssize_t length;
	size_t i;

	/* Who executes them has to go on as well. */
	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length > 0) {
		self[length] = '\0';
		(void)pin_file(self, &pins);
	}
	if (hook_list_read(config->hook_path, say_nothing, &list))
		return pins;
	for (i = 0; i < list.n_hooks; i++)
		if (is_wanted(config, &list.hooks[i]))
			pin_hook(&list.hooks[i], &pins);
	hook_list_clear(&list);
	return pins;
}

pid_t pinner_start(const struct config *config)
{
	/* It needs no descriptor, so it gets one that everybody has. */
	pid_t pid = child_fork(STDERR_FILENO);
	struct pins *pins;

	if (pid)
		return pid;
	(void)prctl(PR_SET_NAME, "vmgend-pinner");
	child_stand_back();
	for (;;) {
		pins = pin_all(config);
		do {
			sleep(REFRESH_INTERVAL_SEC);
		} while (pins && !pins_refresh(pins));
		pins_free(pins);
	}
}
