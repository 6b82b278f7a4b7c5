/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which file systems can be read without waiting for a stranger. The kernel is asked
 * for the mount that a descriptor is of, because stat(2) may wait for a server.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mounts.h"

enum {
	LINE_SIZE = 8192,
	INFO_SIZE = 512,
	/* Of name spaces that others have made. */
	STRANGE_LIMIT = 1 << 20,
};

/* Whose data is in memory or on a device of this machine. */
static const char *const plain[] = {
	"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "ramfs",
	"reiserfs", "rootfs", "squashfs", "tmpfs", "vfat", "xfs", "zfs",
};

static bool is_plain(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(type, plain[i]))
			return true;
	return false;
}

static int add(struct mounts *mounts, const char *line)
{
	unsigned int id, high, low;
	/* Blanks within fields are escaped. */
	const char *type = strstr(line, " - ");
	char name[32];
	void *list;

	if (!type || sscanf(line, "%u %*u %u:%u ", &id, &high, &low) != 3 ||
	    sscanf(type, " - %31s ", name) != 1)
		return 0;
	if (!(mounts->n & (mounts->n - 1))) {
		list = reallocarray(mounts->list, mounts->n * 2 + 1, sizeof(*mounts->list));
		if (!list)
			return -ENOMEM;
		mounts->list = list;
	}
	mounts->list[mounts->n].id = id;
	mounts->list[mounts->n].dev = makedev(high, low);
	mounts->list[mounts->n].plain = is_plain(name);
	mounts->list[mounts->n++].stacked = !strcmp(name, "overlay");
	return 0;
}

void mounts_clear(struct mounts *mounts)
{
	free(mounts->list);
	*mounts = (struct mounts){ .list = NULL };
}

/* Reads the mounts that a process sees. proc_fd: its directory in /proc. */
static int mounts_read(int proc_fd, size_t limit, struct mounts *ret_mounts)
{
	int fd = openat(proc_fd, "mountinfo", O_RDONLY | O_CLOEXEC), r = 0;
	struct mounts mounts = { .list = NULL };
	bool begins = true;
	char line[LINE_SIZE];
	FILE *file;

	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && fgets(line, sizeof(line), file)) {
		limit -= strlen(line) < limit ? strlen(line) : limit;
		if (!limit)
			r = -EFBIG;
		else if (begins)
			r = add(&mounts, line);
		/* The rest of a longer line is none. */
		begins = strchr(line, '\n');
	}
	fclose(file);
	if (r)
		mounts_clear(&mounts);
	else
		*ret_mounts = mounts;
	return r;
}

static int mount_of(int fd, unsigned int *ret_id)
{
	char path[64], info[INFO_SIZE];
	const char *id;
	int info_fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (info_fd < 0)
		return -errno;
	n = read(info_fd, info, sizeof(info) - 1);
	close(info_fd);
	if (n < 0)
		return -EIO;
	info[n] = '\0';
	id = strstr(info, "\nmnt_id:");
	return id && sscanf(id, "\nmnt_id: %u", ret_id) == 1 ? 0 : -EIO;
}

/* What memfd_create(2) makes is of one mount, which is in no list. */
static int add_memory(struct mounts *mounts)
{
	int fd = memfd_create("vmgenctl", MFD_CLOEXEC), r;
	char line[64];
	unsigned int id;

	if (fd < 0)
		return -errno;
	r = mount_of(fd, &id);
	close(fd);
	if (r)
		return r;
	snprintf(line, sizeof(line), "%u 0 0:0 / / rw - tmpfs tmpfs rw\n", id);
	return add(mounts, line);
}

int mounts_read_own(size_t limit, struct mounts *ret_mounts)
{
	int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC), r;
	struct mounts mounts;

	if (fd < 0)
		return -errno;
	r = mounts_read(fd, limit, &mounts);
	close(fd);
	if (r)
		return r;
	/* Without it a few more are not trusted. */
	(void)add_memory(&mounts);
	*ret_mounts = mounts;
	return 0;
}

/* Returns the index of the mount, or -1. */
static ssize_t find(const struct mounts *mounts, unsigned int id)
{
	size_t i;

	for (i = 0; i < mounts->n; i++)
		if (mounts->list[i].id == id)
			return i;
	return -1;
}

static bool sees(const struct mounts *own, dev_t dev)
{
	size_t i;

	for (i = 0; i < own->n; i++)
		if (own->list[i].dev == dev)
			return true;
	return false;
}

bool mounts_trusted(const struct mounts *own, int proc_fd, int fd)
{
	struct mounts others;
	unsigned int id;
	bool trusted;
	ssize_t i;

	if (mount_of(fd, &id))
		return false;
	i = find(own, id);
	if (i >= 0)
		return own->list[i].plain || own->list[i].stacked;
	if (mounts_read(proc_fd, STRANGE_LIMIT, &others))
		return false;
	i = find(&others, id);
	/* A stack that root has made is seen here as well. */
	trusted = i >= 0 && (others.list[i].plain ||
			     (others.list[i].stacked && sees(own, others.list[i].dev)));
	mounts_clear(&others);
	return trusted;
}
