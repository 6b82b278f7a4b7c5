/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Small files of lines that count because they are there: anything in the place of
 * one has to be told.
 */
#ifndef LINEFILE_H
#define LINEFILE_H

#include <stddef.h>

/*
 * Reads a file of this user, of at most limit bytes, that has at least one whole line.
 * Returns 0: ret_text is that, without a NUL in it, and the caller frees it; or ret_text
 * is NULL, and ret_damage says what is wrong with the file. -ENOENT, or -errno of
 * something that is not the file's fault.
 */
int linefile_read(int dir_fd, const char *name, size_t limit, char **ret_text,
		  const char **ret_damage);

#endif /* LINEFILE_H */
