/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl check: all that protects this machine or fails to, in words, each
 * with its remedy.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/check/finding.h"
#include "ctl/view/arguments.h"
#include "ctl/view/colour.h"

static const enum colour colours[] = {
	[FINDING_OK] = COLOUR_GREEN, [FINDING_NOTE] = COLOUR_NONE,
	[FINDING_WARNING] = COLOUR_YELLOW, [FINDING_PROBLEM] = COLOUR_RED,
};

static void print_finding(struct json_object *json)
{
	const char *name = "", *state = "", *text = "", *remedy = "";
	enum finding_state i;

	(void)json_get_text(json, "name", &name);
	(void)json_get_text(json, "state", &state);
	(void)json_get_text(json, "text", &text);
	(void)json_get_text(json, "remedy", &remedy);
	for (i = FINDING_OK; i < FINDING_PROBLEM && strcmp(finding_word(i), state); i++)
		;
	colour_print(colours[i], state, 9);
	text_print(stdout, "%-10s%s\n", name, text);
	if (*remedy)
		text_print(stdout, "%-19s-> %s\n", "", remedy);
}

static void print_findings(const struct findings *findings, enum ctl_exit verdict)
{
	size_t i;

	for (i = 0; i < json_object_array_length(findings->list); i++)
		print_finding(json_object_array_get_idx(findings->list, i));
	switch (verdict) {
	case CTL_OK:
		puts("This machine is protected.");
		break;
	case CTL_NOT_HANDLED:
		puts("This machine is protected; the last change is being handled.");
		break;
	case CTL_DEGRADED:
		puts("This machine is protected, but see the problems above.");
		break;
	case CTL_FAILED:
	case CTL_USAGE:
	case CTL_NOT_RUNNING:
	case CTL_NO_RIGHTS:
	case CTL_NO_DEVICE:
	case CTL_NO_MODULE:
	case CTL_NO_ID:
	case CTL_FENCED:
	case CTL_NEWER:
	case CTL_RNG_OTHER:
	case CTL_ASKS_NOT:
	case CTL_TIMEOUT:
		puts("This machine is NOT protected.");
		break;
	}
}

static struct json_object *to_json(const struct findings *findings, enum ctl_exit verdict)
{
	struct json_object *json = json_object_new_object();

	if (json &&
	    !json_add(json, "version", json_object_new_int(1)) &&
	    !json_add(json, "verdict", json_object_new_int(verdict)) &&
	    !json_add(json, "findings", json_object_get(findings->list)))
		return json;
	json_object_put(json);
	return NULL;
}

static int take_options(int argc, char **argv, bool *ret_json, bool *ret_units)
{
	static const struct option table[] = {
		ARGUMENTS_JSON,
		{ "units", no_argument, NULL, 'u' },
		{ .name = NULL },
	};
	int option;

	*ret_json = *ret_units = false;
	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == '?')
			return -EINVAL;
		*(option == 'j' ? ret_json : ret_units) = true;
	}
	if (*ret_json && *ret_units) {
		text_print(stderr, "vmgenctl: check prints either --units or --json: use one of them\n");
		return -EINVAL;
	}
	return arguments_end(argc, argv, "check") ? 0 : -EINVAL;
}

enum ctl_exit ctl_check(const struct ctl *ctl, int argc, char **argv)
{
	struct findings findings = { .list = NULL };
	enum ctl_exit verdict;
	struct view view;
	bool json, units;

	if (take_options(argc, argv, &json, &units))
		return CTL_USAGE;
	if (units)
		return check_units(ctl);
	findings.list = json_object_new_array();
	if (!findings.list)
		return CTL_FAILED;
	view_read(ctl, &view);
	check_kernel(ctl, &view, &findings);
	check_service(ctl, &view, &findings);
	check_identities(ctl, &findings);
	check_openssl(ctl, &view, &findings);
	check_sentinels(ctl, &view, "/proc", &findings);
	check_keys(ctl, &findings);
	verdict = view_verdict(&view);
	if (verdict == CTL_OK && findings.problem)
		verdict = CTL_DEGRADED;
	view_clear(&view);
	if (!json)
		print_findings(&findings, verdict);
	else if (findings.out_of_memory || print_json(to_json(&findings, verdict)))
		verdict = CTL_FAILED;
	json_object_put(findings.list);
	return verdict;
}
