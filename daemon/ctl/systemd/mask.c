/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include "mask.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TARGET	"/dev/null"

/*
 * Before all others, also before /etc, where "systemctl mask --runtime" would not do. Neither that
 * nor "systemctl unmask" knows it, so no mask of an administrator is here.
 */
const char *mask_directory = "/run/systemd/system.control";

static bool is_mask(const char *path)
{
	char target[sizeof(TARGET)];

	return readlink(path, target, sizeof(target)) == sizeof(target) - 1 &&
	       !memcmp(target, TARGET, sizeof(target) - 1);
}

static void mask_path(const char *unit, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s", mask_directory, unit);
}

int mask_put(const char *unit)
{
	char path[PATH_MAX];

	if (mkdir(mask_directory, 0755) && errno != EEXIST)
		return -errno;
	mask_path(unit, path);
	if (!symlink(TARGET, path))
		return 0;
	if (errno != EEXIST)
		return -errno;
	return is_mask(path) ? 0 : -EEXIST;
}

bool mask_remove(const char *unit)
{
	char path[PATH_MAX];

	mask_path(unit, path);
	return is_mask(path) && !unlink(path);
}

bool mask_remove_all(void)
{
	DIR *directory = opendir(mask_directory);
	struct dirent *entry;
	bool removed = false;

	while (directory && (entry = readdir(directory)))
		removed |= mask_remove(entry->d_name);
	if (directory)
		closedir(directory);
	return removed;
}
