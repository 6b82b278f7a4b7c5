/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A directory for one test, removed when it ends. It is below /run, because
 * the checks of hooks demand ancestors that only root can write; so the tests
 * that use it run as root.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * How often a test looks, 10 ms apart, before it gives up what it waits for: for two
 * minutes, because a machine may be slow, and busy with other tests.
 */
enum { SCRATCH_LOOKS = 12000 };

static char scratch_directory[] = "/run/vmgen-test-XXXXXX";
static pid_t scratch_owner;

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	/* Not at the exit of a child. */
	if (getpid() == scratch_owner)
		(void)nftw(scratch_directory, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A test that cannot be prepared has no plan, so it fails. */
static inline void __attribute__((noreturn)) scratch_give_up(const char *what)
{
	printf("Bail out! %s: %m\n", what);
	exit(1);
}

static inline void scratch_create(void)
{
	/* What the daemon logs is part of the test's report, not of prove's. */
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		scratch_give_up("dup2");
	umask(022);
	if (!mkdtemp(scratch_directory) || chmod(scratch_directory, 0755))
		scratch_give_up(scratch_directory);
	scratch_owner = getpid();
	atexit(scratch_remove);
}

/* Returns a path in the directory; good until the eighth call after it. */
static inline char * __attribute__((format(printf, 1, 2))) scratch_path(const char *format, ...)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];
	va_list args;
	int n = sprintf(path, "%s/", scratch_directory);

	va_start(args, format);
	vsnprintf(path + n, PATH_MAX - n, format, args);
	va_end(args);
	return path;
}

static inline void scratch_mkdir(const char *name, mode_t mode)
{
	if (mkdir(scratch_path("%s", name), 0700) || chmod(scratch_path("%s", name), mode))
		scratch_give_up(name);
}

/* Makes or replaces a file; the mode is set with any umask. */
static inline void scratch_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(scratch_path("%s", name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    fchmod(fd, mode) || close(fd))
		scratch_give_up(name);
}

/* Returns the text of a file; "" if there is none. Good until the next call. */
static inline const char *scratch_read(const char *name)
{
	static char text[1 << 17];
	int fd = open(scratch_path("%s", name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Until a file has this text. */
static inline bool scratch_comes(const char *name, const char *text)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS && !strstr(scratch_read(name), text); i++)
		usleep(10000);
	return i < SCRATCH_LOOKS;
}

#endif /* SCRATCH_H */
