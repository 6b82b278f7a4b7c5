/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Files of lines, and what can be wrong with them.
 */
#include "linefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const char *damage_of(int error)
{
	switch (error) {
	case -EFBIG:
		return "is too large";
	case -ELOOP:
		return "is a symbolic link";
	case -EINVAL:
		return "is not a regular file";
	default:
		return "cannot be read";
	}
}

int linefile_read(int dir_fd, const char *name, size_t limit, char **ret_text,
		  const char **ret_damage)
{
	const char *damage = NULL;
	struct stat st;
	char *text;
	int r = file_read(dir_fd, name, limit, &text, &st);

	if (r == -ENOENT || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	if (r)
		damage = damage_of(r);
	else if (st.st_uid != geteuid())
		damage = "belongs to another user";
	else if (!*text || strlen(text) != (size_t)st.st_size || text[st.st_size - 1] != '\n')
		damage = "is cut short";
	if (!r && damage)
		free(text);
	*ret_text = damage ? NULL : text;
	*ret_damage = damage;
	return 0;
}
