/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whether a hook would run at a change. What finds and opens it is what vmgend uses, so
 * the answer is what it would do.
 */
#include "inspection.h"

#include <errno.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "hookform.h"

static const struct {
	const char *name;
	bool bad;
} states[] = {
	[ITEM_ON]		= { "on", false },
	[ITEM_DISABLED]		= { "disabled", false },
	[ITEM_MASKED]		= { "masked", false },
	[ITEM_BAD_SETTINGS]	= { "bad-settings", true },
	[ITEM_UNUSABLE]		= { "unusable", true },
};

const char *item_state_name(enum item_state state)
{
	return states[state].name;
}

bool item_state_bad(enum item_state state)
{
	return states[state].bad;
}

enum item_state inspection_look(const struct config *config, const struct hook *hook,
				struct hook_settings *ret_settings,
				char ret_reason[INSPECTION_REASON_SIZE])
{
	int fd;

	_Static_assert((int)INSPECTION_REASON_SIZE >= (int)SETTINGS_ERROR_SIZE, "also for settings");
	*ret_reason = '\0';
	if (hook->masked)
		return ITEM_MASKED;
	if (config_read_hook(config, hook->name, ret_settings, ret_reason))
		return ITEM_BAD_SETTINGS;
	if (!ret_settings->enabled)
		return ITEM_DISABLED;
	if (hook_open(hook, &fd, ret_reason))
		return ITEM_UNUSABLE;
	close(fd);
	/* What is well may have left a text that was prepared. */
	*ret_reason = '\0';
	return hookform_check(hook, ret_reason) ? ITEM_UNUSABLE : ITEM_ON;
}

int inspection_check_all(const struct config *config, hook_complaint complain)
{
	struct hook_settings settings;
	char reason[INSPECTION_REASON_SIZE];
	struct hook_list list;
	size_t i;
	int r;

	r = hook_list_read(config->hook_path, complain, &list);
	if (r)
		return r;
	if (list.incomplete)
		r = -EBADMSG;
	for (i = 0; i < list.n_hooks; i++) {
		if (!item_state_bad(inspection_look(config, &list.hooks[i], &settings, reason)))
			continue;
		complain(LOG_ERR, "%s: would not run: %s", list.hooks[i].name, reason);
		r = -EBADMSG;
	}
	hook_list_clear(&list);
	return r;
}
