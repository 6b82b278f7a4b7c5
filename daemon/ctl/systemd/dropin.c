/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A drop-in that has a unit ask for its fence.
 */
#include "dropin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"

/* The last of all names, because others may empty ExecStartPre=. */
#define NAME		"zz-vmgen-fence.conf"
#define PLAIN		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"

enum { LIMIT = 2 * PATH_MAX };

const char *dropin_directory = "/etc/systemd/system";

void dropin_path(const char *unit, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s.d/" NAME, dropin_directory, unit);
}

static int compose(const char *unit, const char *state_dir, char ret_text[LIMIT])
{
	const char *dot = strrchr(unit, '.');
	bool usual = !strcmp(state_dir, PATH_STATE_DIR);

	if (*state_dir != '/' || state_dir[strspn(state_dir, PLAIN)])
		return -EINVAL;
	snprintf(ret_text, LIMIT,
		 "# Written by \"vmgenctl fence set\"; \"vmgenctl fence lift\" removes it.\n"
		 "[%s]\nExecStartPre=+" BINDIR "/vmgenctl %s%s%sfence check %%n\n",
		 dot && !strcmp(dot, ".socket") ? "Socket" : "Service",
		 usual ? "" : "--state-dir=", usual ? "" : state_dir, usual ? "" : " ");
	return 0;
}

/* Returns 0: it is as it was written; -ENOENT; -EILSEQ; -errno. */
static int look(const char *path, const char *text)
{
	char *found;
	int r = file_read(AT_FDCWD, path, LIMIT, &found, NULL);

	if (!r) {
		r = strcmp(found, text) ? -EILSEQ : 0;
		free(found);
	}
	/* Whatever else has this name is not ours. */
	return r == -EFBIG || r == -ELOOP || r == -EINVAL ? -EILSEQ : r;
}

bool dropin_is_own(const char *unit, const char *state_dir)
{
	char path[PATH_MAX], text[LIMIT];

	dropin_path(unit, path);
	return !compose(unit, state_dir, text) && !look(path, text);
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		r = -errno;
	close(fd);
	return r;
}

int dropin_install(const char *unit, const char *state_dir)
{
	char path[PATH_MAX], text[LIMIT];
	int fd, r;

	dropin_path(unit, path);
	r = compose(unit, state_dir, text);
	if (!r)
		r = look(path, text);
	if (r != -ENOENT)
		return r;
	*strrchr(path, '/') = '\0';
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_replace(fd, NAME, text, 0644, FILE_DURABLE);
	close(fd);
	if (r)
		(void)rmdir(path);
	return r ? r : sync_directory(dropin_directory);
}

int dropin_remove(const char *unit, const char *state_dir)
{
	char path[PATH_MAX], text[LIMIT];
	int r;

	dropin_path(unit, path);
	r = compose(unit, state_dir, text);
	if (!r)
		r = look(path, text);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (unlink(path))
		return -errno;
	*strrchr(path, '/') = '\0';
	/* Fails if there are other drop-ins. */
	r = sync_directory(rmdir(path) ? path : dropin_directory);
	return r ? r : 1;
}
