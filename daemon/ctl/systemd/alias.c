/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include "alias.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unitname.h"

/* Of an alias of an alias; a circle is left alone. */
enum { LINKS_MAX = 8 };

/*
 * Where the manager of the system looks, in this order (systemd.unit(5)); without the directories
 * system.control, where our masks are.
 */
static const char *const directories[] = {
	"/run/systemd/transient", "/run/systemd/generator.early", "/etc/systemd/system",
	"/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached",
	"/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	"/lib/systemd/system", "/run/systemd/generator.late",
};

static bool find_file(const char *name, char ret_path[PATH_MAX])
{
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(ret_path, PATH_MAX, "%s/%s", directories[i], name);
		if (!lstat(ret_path, &st))
			return true;
	}
	return false;
}

/* A link that leads elsewhere names a file for its own unit ("systemctl link"). */
static bool is_same(const char *path, const char *name)
{
	char other[PATH_MAX];
	struct stat st, st_other;

	return find_file(name, other) && !stat(path, &st) && !stat(other, &st_other) &&
	       st.st_dev == st_other.st_dev && st.st_ino == st_other.st_ino;
}

static bool read_link(const char *name, char ret_name[NAME_MAX + 1])
{
	char path[PATH_MAX], target[PATH_MAX], *last;
	ssize_t length;

	if (!find_file(name, path))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	return !unitname_complete(last, ret_name) && !strcmp(last, ret_name) &&
	       is_same(path, ret_name);
}

/* What is between '@' and the suffix, or NULL; "" of a template. */
static const char *find_instance(const char *unit, size_t *ret_length)
{
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');

	if (!at || dot < at)
		return NULL;
	*ret_length = dot - at - 1;
	return at + 1;
}

static bool follow(const char *unit, char ret_unit[NAME_MAX + 1])
{
	char found[NAME_MAX + 1], template[NAME_MAX + 1];
	size_t length = 0, none;
	const char *instance = find_instance(unit, &length), *end;

	if (!read_link(unit, found)) {
		if (!instance || !length)
			return false;
		snprintf(template, sizeof(template), "%.*s%s", (int)(instance - unit), unit,
			 instance + length);
		if (!read_link(template, found))
			return false;
	}
	end = find_instance(found, &none);
	if (!end || none || !length)
		return snprintf(ret_unit, NAME_MAX + 1, "%s", found) > 0;
	return snprintf(ret_unit, NAME_MAX + 1, "%.*s%.*s%s", (int)(end - found), found, (int)length,
			instance, end) <= NAME_MAX;
}

bool alias_follow(const char *unit, char ret_unit[NAME_MAX + 1])
{
	char name[NAME_MAX + 1], next[NAME_MAX + 1];
	unsigned int i;

	snprintf(name, sizeof(name), "%s", unit);
	for (i = 0; i < LINKS_MAX && follow(name, next) && strcmp(name, next); i++)
		strcpy(name, next);
	if (i == LINKS_MAX || !strcmp(name, unit))
		return false;
	strcpy(ret_unit, name);
	return true;
}
