/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The system calls on /dev/vmgenid. Nothing else in the library knows the
 * device.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

/* A signal handler that checks for a change must leave errno alone. */
static int take_errno(int saved)
{
	int r = -errno;

	errno = saved;
	return r;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int map(int fd, off_t offset, void **ret_map)
{
	void *map = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	return 0;
}

/* The privileged tier where the node allows it, else the one for everyone. */
static int open_node(const char *path, bool *ret_privileged)
{
	const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, O_RDWR | flags);

	if (fd >= 0) {
		*ret_privileged = true;
		return fd;
	}
	if (errno != EACCES && errno != EPERM && errno != EROFS)
		return -errno;
	fd = open(path, O_RDONLY | flags);
	if (fd < 0)
		return -errno;
	*ret_privileged = false;
	return fd;
}

/* Without the raw page the handle works as it does for everybody. */
static void map_raw(struct device *device, const struct vmgenid_info *info)
{
	if (!(info->flags & VMGENID_INFO_RAW_PAGE))
		return;
	if (info->id_offset % sizeof(uint64_t) ||
	    info->id_offset + sizeof(struct device_id) > page_size())
		return;
	if (map(device->fd, (off_t)page_size(), &device->raw_page) < 0)
		return;
	device->raw = (const void *)((const char *)device->raw_page + info->id_offset);
}

int device_open(const char *path, struct device *ret_device)
{
	struct device device = { .fd = -1 };
	struct vmgenid_info info;
	void *page = NULL;
	int r;

	r = open_node(path, &device.privileged);
	if (r < 0)
		return r;
	device.fd = r;
	/* A node of the same name with another ABI was proposed for Linux. */
	r = device_info(&device, &info);
	if (r < 0)
		goto fail;
	r = map(device.fd, 0, &page);
	if (r < 0)
		goto fail;
	device.page = page;
	map_raw(&device, &info);
	*ret_device = device;
	return 0;

fail:
	device_close(&device);
	return r;
}

void device_close(struct device *device)
{
	if (device->raw_page)
		(void)munmap(device->raw_page, page_size());
	if (device->page)
		(void)munmap((void *)device->page, page_size());
	if (device->fd >= 0)
		(void)close(device->fd);
	*device = (struct device){ .fd = -1 };
}

int device_wait(const struct device *device, uint64_t known, int64_t timeout_ns,
		struct vmgenid_record *ret_record)
{
	struct vmgenid_wait wait = { .known = known, .timeout_ns = timeout_ns };
	int saved = errno;

	if (ioctl(device->fd, VMGENID_WAIT, &wait) < 0)
		return take_errno(saved);
	*ret_record = wait.record;
	return 0;
}

int device_read(const struct device *device, struct vmgenid_record *ret_record)
{
	struct vmgenid_record record;
	int saved = errno;
	ssize_t n;

	do
		n = read(device->fd, &record, sizeof(record));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return take_errno(saved);
	if (n != sizeof(record))
		return -EPROTO;
	*ret_record = record;
	return 0;
}

int device_info(const struct device *device, struct vmgenid_info *ret_info)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	int saved = errno;
	int r;

	do
		r = ioctl(device->fd, VMGENID_INFO, &info);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return take_errno(saved);
	*ret_info = info;
	return 0;
}
