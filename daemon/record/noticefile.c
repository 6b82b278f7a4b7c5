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

#include "base/compat.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unitname.h"
#include "linefile.h"

struct walk {
	void (*visit)(const struct notice *notice, void *context);
	void *context;
	const char *unit;
};

/* Those that begin with a dot are on their way. */
static int is_notice(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

static int is_unit(const struct dirent *entry)
{
	char unit[NAME_MAX + 1];

	return !unitname_complete(entry->d_name, unit) && !strcmp(unit, entry->d_name);
}

/* Calls look for the first NOTICES_MOST in a directory, which may be missing. */
static int each_in(int dir_fd, const char *name, int (*wanted)(const struct dirent *entry),
		   int (*look)(int fd, const char *name, struct walk *walk), struct walk *walk)
{
	struct dirent **entries;
	int fd, i, n, r = file_open_own(dir_fd, name, O_NOFOLLOW, &fd);

	if (r)
		return r == -ENOENT ? 0 : r;
	n = scandirat(fd, ".", &entries, wanted, alphasort);
	if (n < 0)
		r = -errno;
	for (i = 0; i < n; i++) {
		if (!r && i < NOTICES_MOST)
			r = look(fd, entries[i]->d_name, walk);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	close(fd);
	return r;
}

static int look_at_notice(int fd, const char *name, struct walk *walk)
{
	struct notice notice;
	char *text;
	int r = linefile_read(fd, name, NOTICE_SIZE - 1, &text, &notice.damage);

	/* Cleared meanwhile. */
	if (r)
		return r == -ENOENT ? 0 : r;
	snprintf(notice.unit, sizeof(notice.unit), "%s", walk->unit);
	snprintf(notice.name, sizeof(notice.name), "%s", name);
	*notice.text = '\0';
	if (text)
		text_escape(TEXT_LINE, text, strcspn(text, "\n"), notice.text,
			    sizeof(notice.text), NULL);
	free(text);
	walk->visit(&notice, walk->context);
	return 0;
}

static int look_at_unit(int dir_fd, const char *unit, struct walk *walk)
{
	int fd, r = file_open_own(dir_fd, unit, O_NOFOLLOW, &fd);

	if (r)
		return r == -ENOENT ? 0 : r;
	walk->unit = unit;
	r = each_in(fd, "notices", is_notice, look_at_notice, walk);
	close(fd);
	return r;
}

int notice_each(const char *state_dir,
		void (*visit)(const struct notice *notice, void *context), void *context)
{
	struct walk walk = { .visit = visit, .context = context, .unit = "" };
	int state_fd, fd, r = file_open_own(AT_FDCWD, state_dir, 0, &state_fd);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = file_open_own(state_fd, NAME_SAMBA_AD, O_NOFOLLOW, &fd);
	close(state_fd);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = each_in(fd, "notices", is_notice, look_at_notice, &walk);
	if (!r)
		r = each_in(fd, "units", is_unit, look_at_unit, &walk);
	close(fd);
	return r;
}
