/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: a file for each unit, which holds the reason. That it is there is
 * what counts: whatever it holds, the unit is fenced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fence.h"
#include "file.h"
#include "paths.h"

#define LETTERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNIT_CHARACTERS	LETTERS "0123456789:_.\\@-"

/* Those that can be started. */
static const char *const suffixes[] = {
	".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target",
	".device", ".scope", ".slice",
};

static bool has_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcmp(dot, suffixes[i]))
			return dot > name;
	return false;
}

int fence_unit(const char *name, char ret_unit[NAME_MAX + 1])
{
	const char *suffix = has_suffix(name) ? "" : ".service";

	if (!*name || *name == '.' || name[strspn(name, UNIT_CHARACTERS)] ||
	    /* file_replace() needs some more. */
	    strlen(name) + strlen(suffix) > NAME_MAX - 8)
		return -EINVAL;
	snprintf(ret_unit, NAME_MAX + 1, "%s%s", name, suffix);
	return 0;
}

static bool reason_is_valid(const char *reason)
{
	const unsigned char *p = (const unsigned char *)reason;

	for (; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			return false;
	return *reason && p - (const unsigned char *)reason < FENCE_REASON_SIZE - 1;
}

static int open_fences(int state_fd)
{
	int fd = openat(state_fd, NAME_FENCE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int fence_set(int state_fd, const char *unit, const char *reason)
{
	char line[FENCE_REASON_SIZE + 1];
	int fd, r;

	if (!reason_is_valid(reason))
		return -EINVAL;
	if (mkdirat(state_fd, NAME_FENCE, 0700) && errno != EEXIST)
		return -errno;
	/* Also if an earlier one made it, and the power went. */
	if (fsync(state_fd))
		return -errno;
	fd = open_fences(state_fd);
	if (fd < 0)
		return fd;
	snprintf(line, sizeof(line), "%s\n", reason);
	r = file_replace(fd, unit, line, 0600, FILE_DURABLE);
	close(fd);
	return r;
}

int fence_lift(int state_fd, const char *unit)
{
	int fd = open_fences(state_fd), r = 0;

	if (fd < 0)
		return fd;
	if (unlinkat(fd, unit, 0) || fsync(fd))
		r = -errno;
	close(fd);
	return r;
}

static int read_reason(int fd, const char *unit, char *ret_reason)
{
	char *text;
	int r = file_read(fd, unit, FENCE_REASON_SIZE, &text, NULL);

	ret_reason[0] = '\0';
	if (r == -ENOENT || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	/* Of whatever else has this name it can be said that it is there. */
	if (r)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (reason_is_valid(text))
		strcpy(ret_reason, text);
	free(text);
	return 0;
}

static int open_state(const char *state_dir)
{
	int state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (state_fd < 0)
		return -errno;
	fd = open_fences(state_fd);
	close(state_fd);
	return fd;
}

int fence_read(const char *state_dir, const char *unit, char ret_reason[FENCE_REASON_SIZE])
{
	int fd = open_state(state_dir), r;

	if (fd < 0)
		return fd;
	r = read_reason(fd, unit, ret_reason);
	close(fd);
	return r;
}

static int is_unit(const struct dirent *entry)
{
	char unit[NAME_MAX + 1];

	return !fence_unit(entry->d_name, unit) && !strcmp(unit, entry->d_name);
}

int fence_each(const char *state_dir, void (*visit)(const char *unit, const char *reason,
						    void *context), void *context)
{
	int fd = open_state(state_dir), i, n, r = 0;
	char reason[FENCE_REASON_SIZE];
	struct dirent **entries;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	n = scandirat(fd, ".", &entries, is_unit, alphasort);
	if (n < 0)
		r = -errno;
	for (i = 0; i < n; i++) {
		if (!r)
			r = read_reason(fd, entries[i]->d_name, reason);
		if (!r)
			visit(entries[i]->d_name, reason, context);
		/* Lifted meanwhile. */
		if (r == -ENOENT)
			r = 0;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	close(fd);
	return r;
}
