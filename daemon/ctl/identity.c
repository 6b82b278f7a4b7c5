/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl identity: what this machine has that a clone of it would have too, and what
 * renews it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/colour.h"
#include "ctl/view/inventory.h"
#include "identity/identityfile.h"

enum { ADVICE_SIZE = 1024 };

/* Of the hook that renews it: "" where there is none to be enabled. */
static const char *hook_state(const struct inventory *hooks, const struct identity *identity)
{
	const struct item *item = *identity->hook ? inventory_find(hooks, identity->hook) : NULL;

	if (!*identity->hook)
		return "";
	return item ? item_state_name(item->state) : "missing";
}

/* How it is renewed, with what is still to be done for that. */
static void advise(const struct inventory *hooks, const struct identity *identity,
		   char ret_text[ADVICE_SIZE])
{
	const struct item *item = *identity->hook ? inventory_find(hooks, identity->hook) : NULL;
	int n = snprintf(ret_text, ADVICE_SIZE, "%s", identity->renewal);

	if (n < 0 || n >= ADVICE_SIZE || !*identity->hook)
		return;
	if (!item)
		snprintf(ret_text + n, ADVICE_SIZE - n, " (which is not installed)");
	else if (item->state == ITEM_DISABLED)
		snprintf(ret_text + n, ADVICE_SIZE - n, " (enabled = yes in %s/%s.conf)",
			 hooks->config.hook_settings_dir, identity->hook);
	else if (item->state != ITEM_ON)
		snprintf(ret_text + n, ADVICE_SIZE - n, " (%s: vmgenctl hooks why %s)",
			 item_state_name(item->state), identity->hook);
}

static void print_where(const struct identity *identity, enum identity_state state,
			const struct identity_place *place)
{
	if (state == IDENTITY_UNSEEN)
		text_print(stdout, "cannot be seen: %s\n", identity->where);
	else if (state == IDENTITY_ASK)
		text_print(stdout, "if there is one: %s\n", identity->command);
	else if (place->n_others)
		text_print(stdout, "%s and others: %zu\n", place->path, place->n_others);
	else
		text_print(stdout, "%s\n", place->path);
}

static void print_identity(const struct inventory *hooks, const struct identity *identity,
			   enum identity_state state, const struct identity_place *place)
{
	const struct item *item = *identity->hook ? inventory_find(hooks, identity->hook) : NULL;
	bool on = item && item->state == ITEM_ON;
	char advice[ADVICE_SIZE];

	advise(hooks, identity, advice);
	colour_print(on ? COLOUR_GREEN : COLOUR_YELLOW, on ? "renewed" : "kept", 9);
	text_print(stdout, "%-22s ", identity->name);
	print_where(identity, state, place);
	text_print(stdout, "%-9s%s\n", "", identity->harm);
	if (state != IDENTITY_ASK && *identity->command)
		text_print(stdout, "%-9sit is shown by: %s\n", "", identity->command);
	text_print(stdout, "%-9s-> in a clone: %s\n", "", advice);
}

static struct json_object *identity_to_json(const struct inventory *hooks,
					    const struct identity *identity,
					    enum identity_state state,
					    const struct identity_place *place)
{
	struct json_object *json = json_object_new_object();

	if (json &&
	    !json_add(json, "name", json_object_new_string(identity->name)) &&
	    !json_add(json, "state", json_object_new_string(identity_state_name(state))) &&
	    !json_add(json, "path", json_object_new_string(place->path ?: "")) &&
	    !json_add(json, "others", json_object_new_int64((int64_t)place->n_others)) &&
	    !json_add(json, "where", json_object_new_string(identity->where)) &&
	    !json_add(json, "command", json_object_new_string(identity->command)) &&
	    !json_add(json, "harm", json_object_new_string(identity->harm)) &&
	    !json_add(json, "renewal", json_object_new_string(identity->renewal)) &&
	    !json_add(json, "hook", json_object_new_string(identity->hook)) &&
	    !json_add(json, "hook_state", json_object_new_string(hook_state(hooks, identity))) &&
	    !json_add(json, "source", json_object_new_string(identity->source)))
		return json;
	json_object_put(json);
	return NULL;
}

/* Returns CTL_FAILED if there is no memory. */
static enum ctl_exit show_all(const struct inventory *hooks, const struct identity_list *list,
			      struct json_object *array)
{
	enum ctl_exit code = CTL_OK;
	struct identity_place place;
	enum identity_state state;
	struct json_object *json;
	size_t i;

	for (i = 0; i < list->n && !code; i++) {
		place = (struct identity_place){ .path = NULL };
		state = identity_look(&list->items[i], &place);
		if (state == IDENTITY_ABSENT)
			continue;
		json = array ? identity_to_json(hooks, &list->items[i], state, &place) : NULL;
		if (!array)
			print_identity(hooks, &list->items[i], state, &place);
		else if (!json || json_object_array_add(array, json))
			code = CTL_FAILED;
		if (code)
			json_object_put(json);
		free(place.path);
	}
	return code;
}

static enum ctl_exit list_json(const struct inventory *hooks, const struct identity_list *list)
{
	struct json_object *json = json_object_new_object(), *array = json_object_new_array();
	enum ctl_exit code;

	if (!json || json_add(json, "version", json_object_new_int(1)) ||
	    json_add(json, "identities", json_object_get(array))) {
		json_object_put(array);
		json_object_put(json);
		return CTL_FAILED;
	}
	code = show_all(hooks, list, array);
	json_object_put(array);
	if (!code)
		return print_json(json) ? CTL_FAILED : CTL_OK;
	json_object_put(json);
	return code;
}

enum ctl_exit ctl_identity(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = { ARGUMENTS_JSON, { .name = NULL } };
	static const char *const words[] = { "list", NULL };
	char wrong[IDENTITY_ERROR_SIZE], error[SETTINGS_ERROR_SIZE];
	struct identity_list list;
	struct inventory hooks;
	enum ctl_exit code;
	bool json = false;
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option != 'j')
			return CTL_USAGE;
		json = true;
	}
	if (arguments_word(argc, argv, "identity command", words) < 0 ||
	    !arguments_end(argc, argv, "list"))
		return CTL_USAGE;
	if (identity_list_read(ctl->inventory, &list, wrong)) {
		text_print(stderr, "vmgenctl: %s: install vmgend again, which has it\n", wrong);
		return CTL_FAILED;
	}
	if (inventory_read(ctl->config, &hooks, error)) {
		text_print(stderr, "vmgenctl: %s\n", error);
		identity_list_clear(&list);
		return CTL_FAILED;
	}
	code = json ? list_json(&hooks, &list) : show_all(&hooks, &list, NULL);
	inventory_clear(&hooks);
	identity_list_clear(&list);
	return code;
}
