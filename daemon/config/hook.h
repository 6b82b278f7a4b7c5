/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks: which there are, and whether one may be executed as root. Nothing
 * that anybody but root can change is executed.
 */
#ifndef HOOK_H
#define HOOK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	HOOK_PATH_SIZE = PATH_MAX + NAME_MAX + 2,
	/* Names the path twice: what is wrong with it, and the remedy. */
	HOOK_REASON_SIZE = 2 * HOOK_PATH_SIZE + 256,
};

struct hook {
	char name[NAME_MAX + 1];
	/* Points into the list's own copy of the hook path. */
	const char *directory;
	/* From the name: 0 to 99. */
	unsigned int band;
	/* Masked by a link to /dev/null or an empty file of this name. */
	bool masked;
};

/* Every hook, in the order of the names. */
struct hook_list {
	/* Its directories, each ended with NUL. */
	char *path;
	size_t path_size;
	/* A directory could not be used. */
	bool incomplete;
	size_t n_hooks;
	struct hook *hooks;
};

/* Does the name have the form NN-name? */
bool hook_name_valid(const char *name);

/* Returns the band of a valid name: 0 to 99. */
unsigned int hook_band(const char *name);

/*
 * Told about each thing that is left out, with the remedy. priority: as in
 * syslog(3).
 */
typedef void (*hook_complaint)(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Lists the hooks of the directories of path, which has ':' between them. The
 * first directory that has a name wins. Directories may be missing.
 *
 * Returns 0 or -ENOMEM. The caller frees the list with hook_list_clear().
 */
int hook_list_read(const char *path, hook_complaint complain, struct hook_list *ret_list);

void hook_list_clear(struct hook_list *list);

/*
 * Opens a hook for execution (O_PATH, close-on-exec) after it passed all
 * checks. Returns 0, or -errno and ret_reason: what is wrong, and the remedy.
 */
int hook_open(const struct hook *hook, int *ret_fd, char ret_reason[HOOK_REASON_SIZE]);

#endif /* HOOK_H */
