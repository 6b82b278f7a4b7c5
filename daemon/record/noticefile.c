/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Notices, as they lie on the disk. That one is there is what counts, as with fences.
 */
#include "noticefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "fencefile.h"
#include "linefile.h"

struct walk {
	void (*visit)(const struct notice *notice, void *context);
	void *context;
};

/* Those that begin with a dot are on their way. */
static int is_notice(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

static int is_unit_directory(const struct dirent *entry)
{
	char unit[NAME_MAX + 1];

	return !fence_unit(entry->d_name, unit) && !strcmp(unit, entry->d_name);
}

static int read_one(int fd, const char *unit, const char *name, struct notice *ret_notice)
{
	char *text;
	int r = linefile_read(fd, name, NOTICE_SIZE - 1, &text, &ret_notice->damage);

	if (r)
		return r;
	snprintf(ret_notice->unit, sizeof(ret_notice->unit), "%s", unit);
	snprintf(ret_notice->name, sizeof(ret_notice->name), "%s", name);
	*ret_notice->text = '\0';
	if (text)
		text_escape(TEXT_LINE, text, strcspn(text, "\n"), ret_notice->text,
			    sizeof(ret_notice->text), NULL);
	free(text);
	return 0;
}

/* Of what is missing there are none. */
static int open_present(int dir_fd, const char *name, int *ret_fd)
{
	int r = file_open_own(dir_fd, name, O_NOFOLLOW, ret_fd);

	return r == -ENOENT ? 1 : r;
}

static int read_directory(int dir_fd, const char *unit, const struct walk *walk)
{
	struct dirent **entries;
	struct notice notice;
	int fd, i, n, r = open_present(dir_fd, "notices", &fd);

	if (r)
		return r < 0 ? r : 0;
	n = scandirat(fd, ".", &entries, is_notice, alphasort);
	if (n < 0)
		r = -errno;
	for (i = 0; i < n; i++) {
		if (!r && i < NOTICES_MOST) {
			r = read_one(fd, unit, entries[i]->d_name, &notice);
			if (!r)
				walk->visit(&notice, walk->context);
			/* Cleared meanwhile. */
			if (r == -ENOENT)
				r = 0;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	close(fd);
	return r;
}

static int read_unit(int dir_fd, const char *unit, const struct walk *walk)
{
	int fd, r = open_present(dir_fd, unit, &fd);

	if (r)
		return r < 0 ? r : 0;
	r = read_directory(fd, unit, walk);
	close(fd);
	return r;
}

static int read_all(int fd, const struct walk *walk)
{
	struct dirent **entries;
	int i, n, r = read_directory(fd, "", walk);

	n = scandirat(fd, ".", &entries, is_unit_directory, alphasort);
	if (n < 0)
		return r ? r : -errno;
	for (i = 0; i < n; i++) {
		if (!r)
			r = read_unit(fd, entries[i]->d_name, walk);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int notice_each(const char *state_dir,
		void (*visit)(const struct notice *notice, void *context), void *context)
{
	const struct walk walk = { .visit = visit, .context = context };
	int state_fd, fd, r = file_open_own(AT_FDCWD, state_dir, 0, &state_fd);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = open_present(state_fd, NAME_SAMBA_AD, &fd);
	close(state_fd);
	if (r)
		return r < 0 ? r : 0;
	r = read_all(fd, &walk);
	close(fd);
	return r;
}
