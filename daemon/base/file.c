/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whole small files: read with a limit, replaced by write, fsync, rename and
 * fsync of the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static int read_all(int fd, size_t limit, char **ret_text)
{
	size_t used = 0;
	ssize_t n;
	char *text = malloc(limit + 2);

	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + used, limit + 1 - used))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || (used += n) > limit) {
			int r = n < 0 ? -errno : -EFBIG;

			free(text);
			return r;
		}
	}
	text[used] = '\0';
	*ret_text = text;
	return 0;
}

int file_read(int dir_fd, const char *name, size_t limit, char **ret_text, struct stat *ret_stat)
{
	/* O_NONBLOCK: a FIFO in the place of the file must not stop the daemon. */
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) ? -errno : 0;
	if (!r && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (!r)
		r = read_all(fd, limit, ret_text);
	close(fd);
	if (!r && ret_stat)
		*ret_stat = st;
	return r;
}

int file_open_own(int dir_fd, const char *name, int flags, int *ret_fd)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	else if (st.st_uid != geteuid())
		r = -EPERM;
	/* One that was made by hand may be open. */
	else if ((st.st_mode & 077) && fchmod(fd, 0700))
		r = -errno;
	if (r)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= n;
	}
	return 0;
}

static int write_temporary(int dir_fd, const char *name, const char *text, mode_t mode,
			   enum file_durability durability)
{
	int fd, r;

	/* Left over from a run that died between write and rename. */
	(void)unlinkat(dir_fd, name, 0);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) ? -errno : 0;
	if (!r)
		r = write_all(fd, text, strlen(text));
	if (!r && durability == FILE_DURABLE && fsync(fd))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	return r;
}

int file_replace(int dir_fd, const char *name, const char *text, mode_t mode,
		 enum file_durability durability)
{
	char temporary[NAME_MAX + 1];
	int r;

	if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	r = write_temporary(dir_fd, temporary, text, mode, durability);
	if (!r && renameat(dir_fd, temporary, dir_fd, name))
		r = -errno;
	if (r) {
		(void)unlinkat(dir_fd, temporary, 0);
		return r;
	}
	if (durability == FILE_DURABLE && fsync(dir_fd))
		return -errno;
	return 0;
}

const char *file_strerror(int r)
{
	switch (r) {
	case -ENOSPC:
		return "No space left on device (df -h and df -i show where; remove what is not needed)";
	case -EDQUOT:
		return "Disk quota exceeded (remove files of the same owner, or raise the quota)";
	case -EROFS:
		return "Read-only file system (dmesg shows whether it failed; if not: mount -o remount,rw MOUNTPOINT)";
	case -EIO:
		return "Input/output error (dmesg shows of which disk)";
	default:
		return strerror(-r);
	}
}

void file_look(const char *path, struct stat *ret_stat)
{
	if (stat(path, ret_stat))
		memset(ret_stat, 0, sizeof(*ret_stat));
}

bool file_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       !memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) &&
	       !memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim));
}

int file_tell(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}
