/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The virtio-serial port. Linux lists each as /sys/class/virtio-ports/vportNpM, with
 * its name and its device number, and devtmpfs has a node of that name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "serialport.h"

/* The first line of an attribute. Returns false: there is none, or it is longer. */
static bool read_attribute(int dir_fd, const char *port, const char *attribute,
			   char *ret_text, size_t size)
{
	char path[NAME_MAX + 16];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", port, attribute);
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, ret_text, size - 1);
	close(fd);
	ret_text[n < 0 ? 0 : n] = '\0';
	if (n < 0 || n == (ssize_t)size - 1)
		return false;
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return true;
}

/* Is this the entry of our port? */
static bool is_ours(int dir_fd, const char *entry, dev_t *ret_device)
{
	unsigned int major, minor;
	char text[64];

	/* A name of Linux's own, which becomes one below /dev. */
	if (strncmp(entry, "vport", strlen("vport")) || strlen(entry) > NAME_MAX / 8 ||
	    !read_attribute(dir_fd, entry, "name", text, sizeof(text)) ||
	    strcmp(text, SERIALPORT_NAME) ||
	    !read_attribute(dir_fd, entry, "dev", text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*ret_device = makedev(major, minor);
	return true;
}

static int find(const char *sysfs, char ret_entry[NAME_MAX + 1], dev_t *ret_device)
{
	DIR *dir = opendir(sysfs);
	struct dirent *entry;
	int r = -ENOENT;

	if (!dir)
		return -errno;
	while (r && (entry = readdir(dir))) {
		if (!is_ours(dirfd(dir), entry->d_name, ret_device))
			continue;
		strcpy(ret_entry, entry->d_name);
		r = 0;
	}
	closedir(dir);
	return r;
}

int serialport_open(const char *sysfs, const char *devices,
		    char ret_path[static SERIALPORT_PATH_SIZE], int *ret_fd)
{
	char entry[NAME_MAX + 1];
	struct stat st;
	dev_t device = 0;
	int fd, r;

	r = find(sysfs, entry, &device);
	if (r)
		return r;
	if (snprintf(ret_path, SERIALPORT_PATH_SIZE, "%s/%s", devices, entry) >=
	    SERIALPORT_PATH_SIZE)
		return -ENAMETOOLONG;
	/* Before it is opened: to open another device may do something. */
	if (lstat(ret_path, &st))
		return errno == ENOENT ? -ENODEV : -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != device)
		return -ENXIO;
	fd = open(ret_path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
