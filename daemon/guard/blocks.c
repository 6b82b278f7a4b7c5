/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where a directory lies on its disk. ext4 has directories in the page cache
 * of its device. A process that maps the device can lock them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "blocks.h"

/* By the name that the kernel gave it; /dev/block/ is udev's, and may not be there yet. */
static int open_device(dev_t number)
{
	char path[64], line[NAME_MAX], name[NAME_MAX + sizeof("/dev/")] = "";
	struct stat st;
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major(number), minor(number));
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!*name && fgets(line, sizeof(line), file))
		if (!strncmp(line, "DEVNAME=", 8))
			snprintf(name, sizeof(name), "/dev/%.*s", (int)strcspn(line + 8, "\n"),
				 line + 8);
	fclose(file);
	/* Not a FIFO or another device of that name. */
	if (!*name || stat(name, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != number)
		return -ENODEV;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Returns how many parts, or -errno. */
static int list(int fd, struct blocks ret_blocks[BLOCKS_MAX])
{
	union {
		struct fiemap map;
		char space[sizeof(struct fiemap) + BLOCKS_MAX * sizeof(struct fiemap_extent)];
	} all = { .map = { .fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = BLOCKS_MAX } };
	const struct fiemap_extent *extent = all.map.fm_extents;
	uint64_t bytes = 0;
	unsigned int i;

	if (ioctl(fd, FS_IOC_FIEMAP, &all))
		return -errno;
	for (i = 0; i < all.map.fm_mapped_extents; i++, extent++) {
		bytes += extent->fe_length;
		if (extent->fe_flags & FIEMAP_EXTENT_UNKNOWN)
			return -EOPNOTSUPP;
		if (bytes > BLOCKS_MAX_BYTES)
			return -EFBIG;
		ret_blocks[i] = (struct blocks){ extent->fe_physical, extent->fe_length };
	}
	return i && !(extent[-1].fe_flags & FIEMAP_EXTENT_LAST) ? -EFBIG : (int)i;
}

int blocks_of(int directory, struct blocks ret_blocks[BLOCKS_MAX], int *ret_device)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n, device;
	struct blocks blocks[BLOCKS_MAX];
	struct statfs system;
	struct stat st;

	if (fd < 0)
		return -errno;
	n = fstat(fd, &st) || fstatfs(fd, &system) ? -errno : 0;
	if (!n)
		n = system.f_type == EXT4_SUPER_MAGIC ? list(fd, blocks) : -EOPNOTSUPP;
	close(fd);
	if (n < 0)
		return n;
	device = open_device(st.st_dev);
	if (device < 0)
		return device;
	memcpy(ret_blocks, blocks, n * sizeof(*blocks));
	*ret_device = device;
	return n;
}
