/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What nobody but root can have changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trust.h"

int trust_check(const struct stat *st, const char *what, char *ret_reason, size_t size)
{
	if (st->st_uid) {
		snprintf(ret_reason, size,
			 "%s belongs to user %u, not to root (chown root:root %s)",
			 what, st->st_uid, what);
		return -EPERM;
	}
	if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(ret_reason, size,
			 "%s can be written by others than root (chmod go-w %s)", what, what);
		return -EPERM;
	}
	return 0;
}

/* Opens and checks one directory below parent and closes parent. */
static int descend(int parent, const char *name, const char *so_far, int *ret_fd,
		   char *ret_reason, size_t size)
{
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = fd < 0 ? -errno : 0;

	close(parent);
	if (r) {
		/* O_PATH | O_DIRECTORY says so of a symbolic link as well. */
		snprintf(ret_reason, size, "%s: %s%s", so_far, strerror(-r),
			 r == -ENOTDIR ? " (symbolic links are not followed)" : "");
		return r;
	}
	snprintf(ret_reason, size, "%s cannot be examined", so_far);
	r = fstat(fd, &st) ? -errno : trust_check(&st, so_far, ret_reason, size);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* ret_path: absolute, PATH_MAX bytes. */
static int make_absolute(const char *path, char *ret_path)
{
	size_t used = 0;

	if (*path != '/') {
		/* One byte is for the slash. */
		if (!getcwd(ret_path, PATH_MAX - 1))
			return -errno;
		used = strlen(ret_path);
		ret_path[used++] = '/';
	}
	if (used + strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(ret_path + used, path);
	return 0;
}

int trust_open_directory(const char *directory, int *ret_fd, char *ret_reason, size_t size)
{
	char path[PATH_MAX], so_far[PATH_MAX] = "/", *rest, *name;
	size_t used = 0;
	int fd, r;

	r = make_absolute(directory, path);
	if (r) {
		snprintf(ret_reason, size, "%s: %s", directory, strerror(-r));
		return r;
	}
	r = descend(open("/", O_PATH | O_CLOEXEC), ".", so_far, &fd, ret_reason, size);
	name = strtok_r(path, "/", &rest);
	while (!r && name) {
		used += snprintf(so_far + used, sizeof(so_far) - used, "/%s", name);
		r = descend(fd, name, so_far, &fd, ret_reason, size);
		name = strtok_r(NULL, "/", &rest);
	}
	if (!r)
		*ret_fd = fd;
	return r;
}

/* Opens one file of a directory that only root can change. */
static int open_file(int dir_fd, const char *name, const char *path, int flags, int *ret_fd,
		     char *ret_reason, size_t size)
{
	struct stat st;
	int fd = -1, r;

	/* Of a file that is immutable, if it is opened for writing. */
	snprintf(ret_reason, size, "%s: %s (lsattr %s)", path, strerror(EPERM), path);
	/* To open a device can have effects of its own, so it is looked at first. */
	r = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) ? -errno :
	    S_ISLNK(st.st_mode) ? -ELOOP : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (!r) {
		fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		r = fd < 0 || fstat(fd, &st) ? -errno : trust_check(&st, path, ret_reason, size);
	}
	if (!r) {
		*ret_fd = fd;
		return 0;
	}
	if (r != -EPERM)
		snprintf(ret_reason, size, "%s: %s", path, r == -EINVAL ? "is not a regular file" :
			 r == -ELOOP ? "is a symbolic link, which is not followed (put the file itself there)" :
			 strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}

int trust_open(const char *path, int flags, int *ret_fd, char *ret_reason, size_t size)
{
	char directory[PATH_MAX];
	int dir_fd, r;
	char *slash;

	r = make_absolute(path, directory);
	/* A directory's name has no file, but "no such file" would be no mistake. */
	if (!r && path[strlen(path) - 1] == '/')
		r = -EISDIR;
	if (r) {
		snprintf(ret_reason, size, "%s: %s", path, strerror(-r));
		return r;
	}
	slash = strrchr(directory, '/');
	*slash = '\0';
	r = trust_open_directory(*directory ? directory : "/", &dir_fd, ret_reason, size);
	if (r)
		return r;
	r = open_file(dir_fd, slash + 1, path, flags, ret_fd, ret_reason, size);
	close(dir_fd);
	return r;
}
