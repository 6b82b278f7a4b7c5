/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A cgroup for one hook.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroup.h"

/* Set by who released a cgroup with processes in it: they are there on purpose. */
#define RELEASED	"trusted.vmgend.released"

/* Runs of one hook that each left something behind. */
enum { NUMBER_LIMIT = 10000 };

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

/*
 * The lock says that somebody will release it. Returns -ESTALE if who clears away
 * was faster.
 */
static int hold(int parent_fd, const char *name, int *ret_fd)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat held, named;

	if (fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &held) ||
	    fstatat(parent_fd, name, &named, 0) || held.st_ino != named.st_ino) {
		close(fd);
		return -ESTALE;
	}
	*ret_fd = fd;
	return 0;
}

static int make(struct cgroup *cgroup, const char *hook)
{
	int i, r;

	for (i = 0; i < NUMBER_LIMIT; i++) {
		if (!i)
			snprintf(cgroup->name, sizeof(cgroup->name), "%s", hook);
		else if (snprintf(cgroup->name, sizeof(cgroup->name), "%s.%d", hook, i) >=
			 (int)sizeof(cgroup->name))
			return -ENAMETOOLONG;
		/* Who can open it can lock it, too. */
		if (mkdirat(cgroup->parent_fd, cgroup->name, 0700)) {
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		r = hold(cgroup->parent_fd, cgroup->name, &cgroup->fd);
		if (r != -ESTALE)
			return r;
	}
	return -EBUSY;
}

int cgroup_create(const char *hook, struct cgroup *ret_cgroup)
{
	struct cgroup cgroup;
	int r;

	r = open_delegated(&cgroup.parent_fd);
	if (r)
		return r;
	r = make(&cgroup, hook);
	if (r) {
		close(cgroup.parent_fd);
		return r;
	}
	*ret_cgroup = cgroup;
	return 0;
}

int cgroup_enter(int fd)
{
	return file_tell(fd, "cgroup.procs", "0");
}

int cgroup_kill(int fd)
{
	return file_tell(fd, "cgroup.kill", "1");
}

void cgroup_release(struct cgroup *cgroup)
{
	/* It is no longer the lock that speaks for what is in there. */
	if (unlinkat(cgroup->parent_fd, cgroup->name, AT_REMOVEDIR) && errno == EBUSY)
		(void)fsetxattr(cgroup->fd, RELEASED, "1", 1, 0);
	close(cgroup->fd);
	close(cgroup->parent_fd);
}

static void list_processes(int fd, struct leftover *left)
{
	int list_fd = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid;
	FILE *list = list_fd < 0 ? NULL : fdopen(list_fd, "r");

	if (list) {
		while (fscanf(list, "%d", &pid) == 1)
			leftover_add(left, pid);
		fclose(list);
	} else if (list_fd >= 0) {
		close(list_fd);
	}
}

static void clear_one(int parent_fd, const char *name, struct leftover *left)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char value;

	if (fd < 0)
		return;
	/* Who holds it does all that there is to do. */
	if (!flock(fd, LOCK_EX | LOCK_NB) && unlinkat(parent_fd, name, AT_REMOVEDIR)) {
		if (fgetxattr(fd, RELEASED, &value, 1) == 1)
			list_processes(fd, left);
		else
			(void)cgroup_kill(fd);
	}
	close(fd);
}

/* A hook's name has no dot. */
static bool is_of(const char *name, const char *hook)
{
	size_t length = strlen(hook);

	return !strncmp(name, hook, length) && (!name[length] || name[length] == '.');
}

int cgroup_clear(const char *hook, struct leftover *ret_left)
{
	struct leftover left = { .n_processes = 0 };
	struct dirent *entry;
	int parent_fd, r;
	DIR *dir;

	r = open_delegated(&parent_fd);
	if (r)
		return r;
	dir = fdopendir(parent_fd);
	if (!dir) {
		r = -errno;
		close(parent_fd);
		return r;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && is_of(entry->d_name, hook))
			clear_one(parent_fd, entry->d_name, &left);
	closedir(dir);
	*ret_left = left;
	return 0;
}
