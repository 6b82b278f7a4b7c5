/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Every hook there is, as vmgend would find it now: which file, its settings,
 * and whether it would run.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <json-c/json.h>

#include "config/inspection.h"

struct item {
	const struct hook *hook;
	struct hook_settings settings;
	enum item_state state;
	/* What is wrong, and the remedy; NULL: nothing. */
	char *reason;
};

struct inventory {
	struct config config;
	struct hook_list list;
	/* As many as the list has hooks. */
	struct item *items;
	/* Texts: what was left out, and why. */
	struct json_object *complaints;
};

/*
 * Reads the configuration of vmgend, then all hooks. Returns 0, or -errno and
 * ret_error. The caller clears it.
 */
int inventory_read(const char *config, struct inventory *ret_inventory,
		   char ret_error[SETTINGS_ERROR_SIZE]);

void inventory_clear(struct inventory *inventory);

/* Returns the item of this name, or NULL. */
const struct item *inventory_find(const struct inventory *inventory, const char *name);

#endif /* INVENTORY_H */
