/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Every hook there is.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "inventory.h"

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

static int examine(const struct config *config, struct item *item)
{
	char reason[INSPECTION_REASON_SIZE];

	item->state = inspection_look(config, item->hook, &item->settings, reason);
	if (!*reason)
		return 0;
	item->reason = strdup(reason);
	return item->reason ? 0 : -ENOMEM;
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
