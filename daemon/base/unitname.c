/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "unitname.h"

#define LETTERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNIT_CHARACTERS	LETTERS "0123456789:_.\\@-"

/* Those that can be started. */
static const char *const suffixes[] = {
	".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target",
	".device", ".scope", ".slice",
};

static bool has_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcmp(dot, suffixes[i]))
			return dot > name;
	return false;
}

int unitname_complete(const char *name, char ret_unit[NAME_MAX + 1])
{
	const char *suffix = has_suffix(name) ? "" : ".service";

	if (!*name || *name == '.' || name[strspn(name, UNIT_CHARACTERS)] ||
	    /* Its drop-ins lie in a directory of this name and ".d". */
	    strlen(name) + strlen(suffix) > NAME_MAX - 8)
		return -EINVAL;
	snprintf(ret_unit, NAME_MAX + 1, "%s%s", name, suffix);
	return 0;
}
