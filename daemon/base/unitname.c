/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
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

bool unitname_is_among(const char *unit, const char *const names[], size_t n)
{
	size_t i, length;

	for (i = 0; i < n; i++) {
		length = strlen(names[i]);
		if (!strncmp(unit, names[i], length) &&
		    (names[i][length - 1] == '@' || !strcmp(unit + length, ".service")))
			return true;
	}
	return false;
}

/* Of version 1, or where the service manager has its own beside version 1; else of version 2. */
static const char *find_path(const char *cgroups, size_t *ret_length)
{
	static const char manager[] = ":name=systemd:", unified[] = "0::";
	const char *line, *end, *path, *found = NULL;

	for (line = cgroups; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		/* After its number alone: a path may have any word in it. */
		path = line + strspn(line, "0123456789");
		if (!strncmp(path, manager, strlen(manager)))
			path += strlen(manager);
		else if (!found && !strncmp(line, unified, strlen(unified)))
			path = line + strlen(unified);
		else
			continue;
		found = path;
		*ret_length = end - path;
	}
	return found;
}

int unitname_of_cgroups(const char *cgroups, char ret_unit[NAME_MAX + 1])
{
	char path[4096], name[NAME_MAX + 1], *rest = path, *part;
	size_t length;
	const char *found = find_path(cgroups, &length);

	if (!found || *found != '/' || length >= sizeof(path))
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s", (int)length, found + 1);
	path[length - 1] = '\0';
	while ((part = strsep(&rest, "/"))) {
		/* What would look like a file of the kernel's has a '_' before it. */
		part += *part == '_';
		if (strlen(part) > NAME_MAX || !has_suffix(part) || unitname_complete(part, name))
			return -ENOENT;
		if (strcmp(strrchr(name, '.'), ".slice")) {
			strcpy(ret_unit, name);
			return 0;
		}
	}
	return -ENOENT;
}
