/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Drop-ins of vmgenctl openssl.
 */
#include "ssldropin.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unitname.h"
#include "sslchange.h"

enum { LIMIT = 1 << 16 };

void ssldropin_path(const char *unit, const char *name, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, SSLDROPIN_UNITS "/%s.d/%s", unit, name);
}

bool ssldropin_exists(const char *unit, const char *name)
{
	char path[PATH_MAX];

	ssldropin_path(unit, name, path);
	return !access(path, F_OK);
}

/* Returns 0: it is as it was written; -ENOENT; -EILSEQ: somebody has changed it; -errno. */
static int look(const char *path, const char *text)
{
	char *found;
	int r = file_read(AT_FDCWD, path, LIMIT, &found, NULL);

	if (r)
		return r;
	r = strcmp(found, text) ? -EILSEQ : 0;
	free(found);
	return r;
}

static enum ctl_exit refuse(const char *what, const char *path, int r)
{
	if (r == -EILSEQ)
		return sslchange_refuse("%s was changed: remove it by hand", path);
	return sslchange_refuse("cannot %s %s: %s", what, path, file_strerror(r));
}

enum ctl_exit ssldropin_put(const char *unit, const char *name, const char *text)
{
	char path[PATH_MAX];
	int r;

	ssldropin_path(unit, name, path);
	r = look(path, text);
	if (r == -ENOENT)
		r = sslchange_put(path, text, 0644);
	return r ? refuse("write", path, r) : CTL_OK;
}

enum ctl_exit ssldropin_remove(const char *unit, const char *name, const char *text, bool *ret_removed)
{
	char path[PATH_MAX];
	int r;

	ssldropin_path(unit, name, path);
	r = look(path, text);
	*ret_removed = r != -ENOENT;
	if (r == -ENOENT)
		return CTL_OK;
	if (!r)
		r = sslchange_put(path, NULL, 0);
	if (r)
		return refuse("remove", path, r);
	/* Fails if there are other drop-ins. */
	(void)rmdir(dirname(path));
	return CTL_OK;
}

enum ctl_exit ssldropin_each(const char *name, enum ctl_exit (*each)(void *context, const char *unit),
			     void *context)
{
	const size_t before = strlen(SSLDROPIN_UNITS "/"), after = strlen(".d/") + strlen(name);
	char pattern[PATH_MAX], word[NAME_MAX + 1], unit[NAME_MAX + 1];
	enum ctl_exit code, failed = CTL_OK;
	glob_t found;
	size_t i;
	int r;

	ssldropin_path("*", name, pattern);
	r = glob(pattern, 0, NULL, &found);
	if (r)
		return r == GLOB_NOMATCH ? CTL_OK : sslchange_refuse("cannot search " SSLDROPIN_UNITS);
	for (i = 0; i < found.gl_pathc; i++) {
		snprintf(word, sizeof(word), "%.*s", (int)(strlen(found.gl_pathv[i]) - before - after),
			 found.gl_pathv[i] + before);
		/* Another name is none that there is one of ours for. */
		code = unitname_complete(word, unit) ? CTL_OK : each(context, unit);
		if (code)
			failed = code;
	}
	globfree(&found);
	return failed;
}
