/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A cgroup for one hook.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroup.h"

/* The second is where systemd mounts it beside cgroup v1. */
static const char *find_mount(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (!statfs(mounts[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
			return mounts[i];
	return NULL;
}

/* Opens the cgroup of this process. */
static int open_own(int *ret_fd)
{
	const char *mount = find_mount();
	char line[PATH_MAX], path[PATH_MAX + 32] = "";
	FILE *file;
	int fd;

	if (!mount)
		return -EOPNOTSUPP;
	file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			snprintf(path, sizeof(path), "%s%s", mount, line + 3);
	}
	fclose(file);
	fd = *path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd < 0)
		return *path ? -errno : -EOPNOTSUPP;
	*ret_fd = fd;
	return 0;
}

/* Root could make cgroups anywhere, but others would not know of them. */
static bool is_delegated(int fd)
{
	char value;

	return fgetxattr(fd, "trusted.delegate", &value, 1) == 1 && value == '1';
}

static int make(int parent_fd, const char *name)
{
	if (!mkdirat(parent_fd, name, 0755))
		return 0;
	/* Left behind by an earlier run, as long as something was in it. */
	if (errno != EEXIST || unlinkat(parent_fd, name, AT_REMOVEDIR) ||
	    mkdirat(parent_fd, name, 0755))
		return -errno;
	return 0;
}

/* Opens the cgroup of this process, if it may make others below that. */
static int open_delegated(int *ret_fd)
{
	int fd, r;

	r = open_own(&fd);
	if (r)
		return r;
	if (!is_delegated(fd)) {
		close(fd);
		return -EOPNOTSUPP;
	}
	*ret_fd = fd;
	return 0;
}

int cgroup_create(const char *name, struct cgroup *ret_cgroup)
{
	struct cgroup cgroup;
	int r;

	r = open_delegated(&cgroup.parent_fd);
	if (r)
		return r;
	r = make(cgroup.parent_fd, name);
	if (r)
		goto err_parent;
	cgroup.fd = openat(cgroup.parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup.fd < 0) {
		r = -errno;
		goto err_parent;
	}
	snprintf(cgroup.name, sizeof(cgroup.name), "%s", name);
	*ret_cgroup = cgroup;
	return 0;

err_parent:
	close(cgroup.parent_fd);
	return r;
}

static int write_text(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int cgroup_enter(int fd)
{
	return write_text(fd, "cgroup.procs", "0");
}

int cgroup_kill(int fd)
{
	return write_text(fd, "cgroup.kill", "1");
}

void cgroup_release(struct cgroup *cgroup)
{
	(void)unlinkat(cgroup->parent_fd, cgroup->name, AT_REMOVEDIR);
	close(cgroup->fd);
	close(cgroup->parent_fd);
}

int cgroup_clear(const char *name)
{
	int parent_fd, fd, r;

	r = open_delegated(&parent_fd);
	if (r)
		return r;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : cgroup_kill(fd);
	if (fd >= 0)
		close(fd);
	close(parent_fd);
	return r;
}
