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
/* Where systemd has its generators write. */
#define GENERATED	"/run/systemd/generator"
#define PLAIN		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"

enum { LIMIT = 4 * PATH_MAX };

const char *dropin_directory = "/etc/systemd/system";
const char *dropin_program = BINDIR "/vmgenctl";

void dropin_path(const char *unit, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s.d/" NAME, dropin_directory, unit);
}

/* A fence is a promise, so it holds when the program is gone; and then nothing else does. */
static int compose(const char *unit, const char *state_dir, const char *program, char ret_text[LIMIT])
{
	const char *dot = strrchr(unit, '.');
	bool usual = !strcmp(state_dir, PATH_STATE_DIR);

	if (*state_dir != '/' || state_dir[strspn(state_dir, PLAIN)])
		return -EINVAL;
	snprintf(ret_text, LIMIT,
		 "# Written by \"vmgenctl fence set\", for \"vmgenctl fence lift\" to remove, or vmgen-generator.\n"
		 "[%s]\nExecStartPre=+/bin/sh -c 'test ! -e %s || exec %s %s%s%sfence check \"%%n\"; "
		 "test ! -e \"%s/fence/%%n\" || { echo \"%%n is fenced, and vmgenctl, which tells why, was removed: "
		 "install it, or remove %s/fence/%%n to lift the fence\"; exit 10; }'\n",
		 dot && !strcmp(dot, ".socket") ? "Socket" : "Service", program, program,
		 usual ? "" : "--state-dir=", usual ? "" : state_dir, usual ? "" : " ", state_dir, state_dir);
	return 0;
}

/*
 * ret_text: what has to be there. Returns 0: it is; 1: that of a vmgenctl that was installed
 * in another way; -ENOENT; -EILSEQ; -EINVAL as compose(); -errno.
 */
static int look(const char *unit, const char *state_dir, char ret_text[LIMIT])
{
	static const char *const programs[] = { "/usr/bin/vmgenctl", "/usr/local/bin/vmgenctl" };
	char path[PATH_MAX], *found;
	size_t i;
	int r;

	if (compose(unit, state_dir, dropin_program, ret_text))
		return -EINVAL;
	dropin_path(unit, path);
	r = file_read(AT_FDCWD, path, LIMIT, &found, NULL);
	/* Anything else of this name is not ours. */
	if (r)
		return r == -EFBIG || r == -ELOOP || r == -EINVAL ? -EILSEQ : r;
	r = strcmp(found, ret_text) ? -EILSEQ : 0;
	for (i = 0; r < 0 && i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!compose(unit, state_dir, programs[i], ret_text) && !strcmp(found, ret_text))
			r = 1;
	free(found);
	(void)compose(unit, state_dir, dropin_program, ret_text);
	return r;
}

bool dropin_is_own(const char *unit, const char *state_dir)
{
	char text[LIMIT];

	return look(unit, state_dir, text) >= 0;
}

bool dropin_is_generated(const char *unit)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), GENERATED "/%s.d/" NAME, unit);
	return !access(path, F_OK);
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
	int fd, r = look(unit, state_dir, text);

	if (r <= 0 && r != -ENOENT)
		return r;
	dropin_path(unit, path);
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

bool dropin_may_pass(int error)
{
	switch (error) {
	case -EAGAIN:
	case -EBUSY:
	case -EDQUOT:
	case -EINTR:
	case -EIO:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOSPC:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

int dropin_remove(const char *unit, const char *state_dir)
{
	char path[PATH_MAX], text[LIMIT];
	int r = look(unit, state_dir, text);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	dropin_path(unit, path);
	if (unlink(path))
		return -errno;
	*strrchr(path, '/') = '\0';
	/* Fails if there are other drop-ins. */
	r = sync_directory(rmdir(path) ? path : dropin_directory);
	return r ? r : 1;
}
