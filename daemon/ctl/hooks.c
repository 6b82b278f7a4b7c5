/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl hooks: which there are, why one runs or not, and a run of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/event.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/colour.h"
#include "ctl/view/inventory.h"
#include "ctl/view/request.h"
#include "ctl/view/results.h"
#include "ctl/view/view.h"

enum { SETTINGS_FILE_SIZE = 65536 };

/* What the command line says, for each of the three. */
struct arguments {
	struct request trigger;
	const char *name;
};

static enum colour state_colour(enum item_state state)
{
	if (item_state_bad(state))
		return COLOUR_RED;
	return state == ITEM_ON ? COLOUR_GREEN : COLOUR_YELLOW;
}

/* Returns how a hook ended in the run that finished last; NULL: it did not run. */
static struct json_object *last_result(const struct view *view, const char *name)
{
	struct json_object *result;

	return view->hooks && json_object_object_get_ex(view->hooks, name, &result) ? result : NULL;
}

/* Calls print for each file of this name; the first is the one that counts. */
static void for_each_file(const struct inventory *inventory, const char *name,
			  void (*print)(const char *path, bool wins, void *context), void *context)
{
	char path[HOOK_PATH_SIZE], *copy = strdup(inventory->config.hook_path), *rest, *directory;
	const struct item *item = inventory_find(inventory, name);
	struct stat st;

	for (directory = copy ? strtok_r(copy, ":", &rest) : NULL; directory;
	     directory = strtok_r(NULL, ":", &rest)) {
		snprintf(path, sizeof(path), "%s/%s", directory, name);
		if (!lstat(path, &st))
			print(path, item && !strcmp(item->hook->directory, directory), context);
	}
	free(copy);
}

static void add_hidden(const char *path, bool wins, void *array)
{
	struct json_object *text = wins ? NULL : json_object_new_string(path);

	if (text && json_object_array_add(array, text))
		json_object_put(text);
}

/* Adds the events at which it runs, those among them that ask for intent "clone". */
static int add_events(struct json_object *json, unsigned int band)
{
	struct json_object *array = json_object_new_array();
	enum event event;

	for (event = EVENT_NONE; array && event <= EVENT_TEST; event++)
		if (event_runs_band(event, "clone", band))
			json_object_array_add(array, json_object_new_string(event_name(event)));
	return json_add(json, "events", array);
}

static struct json_object *item_to_json(const struct inventory *inventory, const struct item *item,
					const struct view *view)
{
	struct json_object *json = json_object_new_object(), *hidden = json_object_new_array();
	struct json_object *last = last_result(view, item->hook->name);

	if (hidden)
		for_each_file(inventory, item->hook->name, add_hidden, hidden);
	if (json && !json_add(json, "hidden", hidden) &&
	    !json_add(json, "name", json_object_new_string(item->hook->name)) &&
	    !json_add(json, "directory", json_object_new_string(item->hook->directory)) &&
	    !json_add(json, "state", json_object_new_string(item_state_name(item->state))) &&
	    !json_add(json, "reason", json_object_new_string(item->reason ?: "")) &&
	    !json_add(json, "timeout", json_object_new_int64(item->settings.timeout_sec)) &&
	    !add_events(json, item->hook->band) &&
	    (!last || !json_add(json, "last", json_object_get(last))))
		return json;
	json_object_put(json);
	return NULL;
}

static struct json_object *list_to_json(const struct inventory *inventory, const struct view *view)
{
	struct json_object *json = json_object_new_object(), *hooks = json_object_new_array();
	struct json_object *item;
	size_t i;

	if (!json || json_add(json, "version", json_object_new_int(1)) ||
	    json_add(json, "hooks", hooks) ||
	    json_add(json, "left_out", json_object_get(inventory->complaints)))
		goto err;
	for (i = 0; i < inventory->list.n_hooks; i++) {
		item = item_to_json(inventory, &inventory->items[i], view);
		if (!item || json_object_array_add(hooks, item))
			goto err;
	}
	return json;

err:
	json_object_put(json);
	return NULL;
}

static void print_list(const struct inventory *inventory, const struct view *view)
{
	const struct item *item = inventory->items;
	struct json_object *last;
	char text[RESULT_SIZE];
	size_t i;

	for (i = 0; i < inventory->list.n_hooks; i++, item++) {
		last = last_result(view, item->hook->name);
		if (last)
			result_describe(last, text);
		text_print(stdout, "%-32s ", item->hook->name);
		colour_print(state_colour(item->state), item_state_name(item->state), 13);
		text_print(stdout, "%-28s %s\n", item->hook->directory, last ? text : "-");
		if (item->reason)
			text_print(stdout, "%-32s -> %s\n", "", item->reason);
	}
	for (i = 0; i < json_object_array_length(inventory->complaints); i++)
		text_print(stderr, "vmgenctl: %s\n",
			   json_object_get_string(json_object_array_get_idx(inventory->complaints, i)));
	if (!inventory->list.n_hooks)
		text_print(stdout, "there is no hook in %s\n", inventory->config.hook_path);
}

static enum ctl_exit list(const struct inventory *inventory, const struct view *view, bool json)
{
	size_t i;

	if (!json)
		print_list(inventory, view);
	else if (print_json(list_to_json(inventory, view)))
		return CTL_FAILED;
	for (i = 0; i < inventory->list.n_hooks; i++)
		if (item_state_bad(inventory->items[i].state))
			return CTL_DEGRADED;
	return inventory->list.incomplete ? CTL_DEGRADED : CTL_OK;
}

static void print_file(const char *path, bool wins, void *context)
{
	(void)context;
	text_print(stdout, "  %-10s %s\n", wins ? "file:" : "hidden:", path);
}

/* Of what there is of them in its file, as it stands there. */
static void print_settings(const struct inventory *inventory, const char *name)
{
	char path[PATH_MAX], *text, *line, *rest;
	int r;

	snprintf(path, sizeof(path), "%s/%s.conf", inventory->config.hook_settings_dir, name);
	r = file_read(AT_FDCWD, path, SETTINGS_FILE_SIZE, &text, NULL);
	text_print(stdout, "  %-10s %s%s%s\n", "settings:", path, r ? ": " : "",
		   r == -ENOENT ? "the default ones, because there is no such file" :
		   r ? strerror(-r) : "");
	if (r)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strchr("#;[", *line))
			text_print(stdout, "  %-10s   %s\n", "", line);
	free(text);
}

static void print_why(const struct inventory *inventory, const struct item *item,
		      const struct view *view)
{
	static const char *const texts[] = {
		[ITEM_ON] = "it runs",
		[ITEM_DISABLED] = "it does not run, because its settings say enabled=no",
		[ITEM_MASKED] = "it does not run, because an empty file or a link to /dev/null masks it",
		[ITEM_BAD_SETTINGS] = "its settings have a mistake, so it does not run (below 20: runs with the default settings)",
		[ITEM_UNUSABLE] = "it does not run, because it does not pass the checks",
	};
	struct json_object *last = last_result(view, item->hook->name);
	const char *name = item->hook->name;
	char text[RESULT_SIZE];
	enum event event;

	text_print(stdout, "%s: ", name);
	colour_print(state_colour(item->state), texts[item->state], 0);
	putchar('\n');
	for_each_file(inventory, name, print_file, NULL);
	if (item->reason)
		text_print(stdout, "  %-10s %s\n", "problem:", item->reason);
	if (item->state != ITEM_MASKED)
		print_settings(inventory, name);
	if (item->settings.timeout_sec)
		text_print(stdout, "  %-10s %u s\n", "timeout:", item->settings.timeout_sec);
	text_print(stdout, "  %-10s", "events:");
	for (event = EVENT_NONE; event <= EVENT_TEST; event++)
		if (event_runs_band(event, "clone", item->hook->band))
			text_print(stdout, " %s%s", event_name(event),
				   event_runs_band(event, "", item->hook->band) ? "" : " (intent clone)");
	if (last)
		result_describe(last, text);
	putchar('\n');
	text_print(stdout, "  %-10s %s\n", "last run:", last ? text : "it did not run");
}

/* The item alone is a whole answer. */
static struct json_object *why_to_json(const struct inventory *inventory, const struct item *item,
				       const struct view *view)
{
	struct json_object *json = item_to_json(inventory, item, view);

	if (json && !json_add(json, "version", json_object_new_int(1)))
		return json;
	json_object_put(json);
	return NULL;
}

static enum ctl_exit why(const struct inventory *inventory, const struct view *view,
			 const struct arguments *arguments)
{
	const struct item *item = inventory_find(inventory, arguments->name);

	if (!item) {
		text_print(stderr, "vmgenctl: there is no hook \"%s\": vmgenctl hooks list\n",
			   arguments->name);
		return CTL_FAILED;
	}
	if (!arguments->trigger.json)
		print_why(inventory, item, view);
	else if (print_json(why_to_json(inventory, item, view)))
		return CTL_FAILED;
	return item_state_bad(item->state) ? CTL_DEGRADED : CTL_OK;
}

static enum ctl_exit show(const struct ctl *ctl, const struct arguments *arguments)
{
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;
	enum ctl_exit code;
	struct view view;

	if (inventory_read(ctl->config, &inventory, error)) {
		text_print(stderr, "vmgenctl: %s\n", error);
		return CTL_FAILED;
	}
	view_read(ctl, &view);
	code = arguments->name ? why(&inventory, &view, arguments) :
	       list(&inventory, &view, arguments->trigger.json);
	view_clear(&view);
	inventory_clear(&inventory);
	return code;
}

/* Returns false if an option is not known, or wrong. */
static bool parse_options(int argc, char **argv, struct arguments *arguments, bool *ret_runs)
{
	static const struct option table[] = {
		{ "real", no_argument, NULL, 'r' },
		{ "timeout", required_argument, NULL, 't' },
		ARGUMENTS_JSON,
		{ .name = NULL },
	};
	struct request *trigger = &arguments->trigger;
	int option;

	*ret_runs = false;
	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == 'j')
			trigger->json = true;
		else if (option == 'r')
			trigger->real = true;
		else if (option != 't' || arguments_deadline(optarg, &trigger->deadline_ns))
			return false;
		*ret_runs |= option != 'j';
	}
	return true;
}

static bool parse_name(int argc, char **argv, const char *command, struct arguments *arguments)
{
	if (optind == argc) {
		text_print(stderr, "vmgenctl: hooks %s needs the name of a hook: vmgenctl hooks list shows all\n",
			   command);
		return false;
	}
	if (!hook_name_valid(argv[optind])) {
		text_print(stderr, "vmgenctl: \"%s\" is not the name of a hook: vmgenctl hooks list shows all\n",
			   argv[optind]);
		return false;
	}
	arguments->name = arguments->trigger.hook = argv[optind++];
	return true;
}

enum ctl_exit ctl_hooks(const struct ctl *ctl, int argc, char **argv)
{
	enum { LIST, WHY, RUN };
	static const char *const words[] = { [LIST] = "list", [WHY] = "why", [RUN] = "run", NULL };
	struct arguments arguments = { .trigger.deadline_ns = -1 };
	bool runs;
	int word;

	if (!parse_options(argc, argv, &arguments, &runs))
		return CTL_USAGE;
	word = arguments_word(argc, argv, "hooks command", words);
	if (word < 0 || (word != LIST && !parse_name(argc, argv, words[word], &arguments)) ||
	    !arguments_end(argc, argv, words[word]))
		return CTL_USAGE;
	if (word == RUN)
		return request_run(ctl, &arguments.trigger);
	if (!runs)
		return show(ctl, &arguments);
	text_print(stderr, "vmgenctl: --real and --timeout are for hooks run, not for hooks %s\n",
		   words[word]);
	return CTL_USAGE;
}
