/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who may know the ID: rights [DESCRIPTOR]. Prints how it went to open the device for
 * writing, to get the ID by INFO, to map its page, and to read it by sysctl. With a
 * descriptor, which somebody else has opened, it is opened once more, and then that is
 * used. The device is open for reading in any case, or this fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

static const char *name(int error)
{
	return error ? strerrorname_np(error) : "OK";
}

static int try_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), error = errno;

	if (fd < 0)
		return error;
	close(fd);
	return 0;
}

/* The flags and the ID have to agree. */
static int try_id(int fd)
{
	static const struct vmgenid_info nothing;
	struct vmgenid_info info = { .size = sizeof(info) };
	bool shown;

	if (ioctl(fd, VMGENID_INFO, &info))
		return errno;
	shown = info.flags & VMGENID_INFO_ID_SHOWN;
	if (shown != !!(info.flags & VMGENID_INFO_RAW_PAGE) ||
	    shown == !memcmp(info.id, nothing.id, sizeof(info.id)))
		return EPROTO;
	return shown ? 0 : EPERM;
}

static int try_page(int fd)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);

	return mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)size) == MAP_FAILED ? errno : 0;
}

static int try_sysctl(void)
{
	char text[64];
	int fd = open("/proc/sys/dev/vmgenc/0/guid", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return read(fd, text, sizeof(text)) < 0 ? errno : 0;
}

int main(int argc, char **argv)
{
	char path[64] = "/dev/vmgenid";
	int fd = argc > 1 ? atoi(argv[1]) : open(path, O_RDONLY | O_CLOEXEC);
	int own, opened;

	if (argc > 1)
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = try_open(path);
	own = argc > 1 || opened ? fd : open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || own < 0) {
		perror("rights");
		return 1;
	}
	printf("%s %s %s %s\n", name(opened), name(try_id(own)), name(try_page(own)),
	       name(try_sysctl()));
	return 0;
}
