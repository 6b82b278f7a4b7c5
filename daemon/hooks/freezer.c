/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "freezer.h"

#define FREEZE	"cgroup.freeze"

/* Of slices in slices. Below units, where users make cgroups of their own, nothing is looked for. */
enum { DEPTH_MAX = 8 };

int freezer_open(const char *slice)
{
	int fd = open(slice, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool is_slice(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot > name && !strcmp(dot, ".slice");
}

static int find_in(int slice_fd, const char *unit)
{
	int fd = openat(slice_fd, unit, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -ENOENT : fd;
}

static int find_below(int slice_fd, const char *unit, unsigned int depth)
{
	int fd = openat(slice_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), below_fd, r = -ENOENT;
	DIR *slices = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!slices) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == -ENOENT && (entry = readdir(slices))) {
		if (!is_slice(entry->d_name))
			continue;
		below_fd = find_in(slice_fd, entry->d_name);
		if (below_fd < 0)
			continue;
		r = find_in(below_fd, unit);
		if (r < 0 && depth)
			r = find_below(below_fd, unit, depth - 1);
		close(below_fd);
	}
	closedir(slices);
	return r;
}

int freezer_find(int slice_fd, const char *unit)
{
	int fd = find_in(slice_fd, unit);

	return fd >= 0 ? fd : find_below(slice_fd, unit, DEPTH_MAX);
}

bool freezer_is_possible(int group_fd)
{
	return !faccessat(group_fd, FREEZE, F_OK, 0);
}

int freezer_set(int group_fd, bool frozen)
{
	return file_tell(group_fd, FREEZE, frozen ? "1" : "0");
}
