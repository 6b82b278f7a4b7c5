/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Files for what takes a path. They lie in memory of the fuzzer's own in the place of /run:
 * nothing of them is left, however it ends, and no service manager is there to be asked.
 */
#ifndef PLACE_H
#define PLACE_H

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demand.h"

#define PLACE	"/run/fuzz"

static inline void place_create(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") || mkdir(PLACE, 0755)) {
		perror("fuzzers need to be root: " PLACE);
		exit(1);
	}
	umask(022);
}

static inline void place_mkdir(const char *path)
{
	demand(!mkdir(path, 0755));
}

/* NULL: there is no such file. */
static inline void place_write(const char *path, const void *data, size_t size)
{
	int fd;

	if (!data) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size && !close(fd));
}

/* The caller frees it. */
static inline char *place_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	demand(fd >= 0 && !fstat(fd, &st));
	text = malloc(st.st_size + 1);
	demand(text && read(fd, text, st.st_size) == st.st_size && !close(fd));
	text[st.st_size] = '\0';
	return text;
}

#endif /* PLACE_H */
