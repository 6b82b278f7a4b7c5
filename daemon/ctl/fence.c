/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl fence: keeps a unit down until somebody has mended what a change
 * broke.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fence.h"
#include "text.h"

static enum ctl_exit set(const struct ctl *ctl, const char *unit, const char *reason)
{
	enum ctl_exit code;
	int fd, r;

	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = fence_set(fd, unit, reason);
	close(fd);
	if (r == -EINVAL) {
		text_print(stderr, "vmgenctl: the reason must be one line of at most %d bytes\n",
			   FENCE_REASON_SIZE - 2);
		return CTL_USAGE;
	}
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

static enum ctl_exit lift(const struct ctl *ctl, const char *unit, const char *reason)
{
	enum ctl_exit code;
	int fd, r;

	(void)reason;
	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	r = fence_lift(fd, unit);
	close(fd);
	if (r == -ENOENT) {
		text_print(stderr, "vmgenctl: %s is not fenced\n", unit);
		return CTL_OK;
	}
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

/* For ExecStartPre=: what is not known keeps the unit down. */
static enum ctl_exit check(const struct ctl *ctl, const char *unit, const char *reason)
{
	char why[FENCE_REASON_SIZE];
	int r = fence_read(ctl->state_dir, unit, why);

	(void)reason;
	if (r == -ENOENT)
		return CTL_OK;
	if (r == -EACCES) {
		text_print(stderr, "vmgenctl: only root can tell whether %s is fenced: write ExecStartPre=+ in its unit\n",
			   unit);
		return CTL_NO_RIGHTS;
	}
	if (r)
		return ctl_state_error(ctl, r);
	text_print(stderr, "vmgenctl: %s is fenced: %s\n", unit,
		   *why ? why : "no reason was given");
	text_print(stderr, "vmgenctl: when that is mended: vmgenctl fence lift %s\n", unit);
	return CTL_FENCED;
}

static void print(const char *unit, const char *reason, void *context)
{
	(void)context;
	text_print(stdout, "%s: %s\n", unit, *reason ? reason : "no reason was given");
}

static enum ctl_exit list(const struct ctl *ctl)
{
	int r = fence_each(ctl->state_dir, print, NULL);

	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

static const struct action {
	const char *name;
	int n_arguments;
	enum ctl_exit (*run)(const struct ctl *ctl, const char *unit, const char *reason);
} actions[] = {
	{ "set", 2, set },
	{ "lift", 1, lift },
	{ "check", 1, check },
};

enum ctl_exit ctl_fence(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = { { .name = NULL } };
	char unit[NAME_MAX + 1];
	size_t i;

	if (getopt_long(argc, argv, "", table, NULL) != -1)
		return CTL_USAGE;
	argc -= optind;
	argv += optind;
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list(ctl);
	for (i = 0; argc && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, argv[0]) || argc != 1 + actions[i].n_arguments)
			continue;
		if (!fence_unit(argv[1], unit))
			return actions[i].run(ctl, unit, argv[argc - 1]);
		text_print(stderr, "vmgenctl: \"%s\" is not the name of a unit\n", argv[1]);
		return CTL_USAGE;
	}
	text_print(stderr, "vmgenctl: fence: set needs a unit and a reason, lift and check a unit\n");
	return CTL_USAGE;
}
