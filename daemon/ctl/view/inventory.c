/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Every hook there is. The code that finds and checks them is the daemon's own,
 * so the answer is what it would do.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "inventory.h"

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

/* Where complain() puts what it is told: it has no argument for that. */
static struct json_object *complaints;

static void __attribute__((format(printf, 2, 3)))
complain(int priority, const char *format, ...)
{
	char text[HOOK_REASON_SIZE];
	struct json_object *json;
	va_list args;

	if (priority > LOG_WARNING)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json = json_object_new_string(text);
	if (json && json_object_array_add(complaints, json))
		json_object_put(json);
}

static int set_reason(struct item *item, enum item_state state, const char *reason)
{
	item->state = state;
	item->reason = strdup(reason);
	return item->reason ? 0 : -ENOMEM;
}

static int examine(const struct config *config, struct item *item)
{
	char error[SETTINGS_ERROR_SIZE], reason[HOOK_REASON_SIZE];
	int fd;

	if (item->hook->masked) {
		item->state = ITEM_MASKED;
		return 0;
	}
	if (config_read_hook(config, item->hook->name, &item->settings, error))
		return set_reason(item, ITEM_BAD_SETTINGS, error);
	if (!item->settings.enabled) {
		item->state = ITEM_DISABLED;
		return 0;
	}
	if (hook_open(item->hook, &fd, reason))
		return set_reason(item, ITEM_UNUSABLE, reason);
	close(fd);
	item->state = ITEM_ON;
	return 0;
}

static int examine_all(struct inventory *inventory)
{
	size_t i;
	int r = 0;

	inventory->items = calloc(inventory->list.n_hooks + 1, sizeof(*inventory->items));
	if (!inventory->items)
		return -ENOMEM;
	for (i = 0; !r && i < inventory->list.n_hooks; i++) {
		inventory->items[i].hook = &inventory->list.hooks[i];
		r = examine(&inventory->config, &inventory->items[i]);
	}
	return r;
}

int inventory_read(const char *config, struct inventory *ret_inventory,
		   char ret_error[SETTINGS_ERROR_SIZE])
{
	struct inventory inventory = { .complaints = NULL };
	int r;

	snprintf(ret_error, SETTINGS_ERROR_SIZE, "out of memory, or the path is too long");
	r = config_init(&inventory.config);
	if (r)
		return r;
	r = config_read(&inventory.config, config, false, ret_error);
	if (r)
		goto err;
	complaints = inventory.complaints = json_object_new_array();
	r = complaints ? hook_list_read(inventory.config.hook_path, complain, &inventory.list) :
	    -ENOMEM;
	if (!r)
		r = examine_all(&inventory);
	if (r)
		goto err;
	*ret_inventory = inventory;
	return 0;

err:
	inventory_clear(&inventory);
	return r;
}

void inventory_clear(struct inventory *inventory)
{
	size_t i;

	for (i = 0; inventory->items && i < inventory->list.n_hooks; i++)
		free(inventory->items[i].reason);
	free(inventory->items);
	hook_list_clear(&inventory->list);
	json_object_put(inventory->complaints);
	config_clear(&inventory->config);
	*inventory = (struct inventory){ .items = NULL };
}

const struct item *inventory_find(const struct inventory *inventory, const char *name)
{
	size_t i;

	for (i = 0; i < inventory->list.n_hooks; i++)
		if (!strcmp(inventory->items[i].hook->name, name))
			return &inventory->items[i];
	return NULL;
}
