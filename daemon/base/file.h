/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whole small files: read with a limit, replaced in one step. A reader sees
 * the old text or the new one, never a mixture, also after a power cut.
 */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * Reads a regular file of at most limit bytes. ret_text: NUL-terminated, the
 * caller frees it. ret_stat may be NULL.
 *
 * Returns 0; -EFBIG; -ELOOP: a symbolic link; -EINVAL: not a regular file;
 * otherwise what open(2) or read(2) failed with.
 */
int file_read(int dir_fd, const char *name, size_t limit, char **ret_text,
	      struct stat *ret_stat);

enum file_durability {
	/* For a file system in memory. */
	FILE_ATOMIC,
	/* On disk when the call returns. */
	FILE_DURABLE,
};

/* Replaces or creates a file. dir_fd must not be O_PATH. Returns 0 or -errno. */
int file_replace(int dir_fd, const char *name, const char *text, mode_t mode,
		 enum file_durability durability);

/*
 * Opens a directory of this user, and closes it to all others: one that they may write
 * is no place for what nobody else may change. flags: O_NOFOLLOW or 0. Returns 0;
 * -EPERM: it is another user's; or -errno.
 */
int file_open_own(int dir_fd, const char *name, int flags, int *ret_fd);

/* What a file is now, all zero without one: for file_is_same(), before it is read. */
void file_look(const char *path, struct stat *ret_stat);

/* Nobody has changed or exchanged it between two looks. */
bool file_is_same(const struct stat *a, const struct stat *b);

/* Writes to a file of the kernel, such as those of cgroups. Returns 0 or -errno. */
int file_tell(int dir_fd, const char *name, const char *text);

/* As strerror(3) of -r, with the remedy where the file system is in the way. */
const char *file_strerror(int r);

#endif /* FILE_H */
