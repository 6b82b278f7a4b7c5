/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where a mark is kept that does not go back with the disk: an EFI variable, or, where
 * there is none, an NV index of a TPM. Whether the host copies and rolls back that as
 * well is not known here; see boot-change in vmgend.conf(5).
 */
#ifndef MARKSTORE_H
#define MARKSTORE_H

#include <stdbool.h>

/* 32 hexadecimal digits in lower case, and the terminating zero. */
enum { MARK_SIZE = 33 };

/* What stands where a mark was taken away. */
#define MARK_CLEARED "00000000000000000000000000000000"

/* Where things are. */
struct mark_place {
	/* As GUEST_SYSFS. */
	const char *sysfs;
	/* A directory of root's for what a program is told. */
	const char *runtime_dir;
};

struct markstore {
	/* A word, for the record. */
	const char *name;
	/* For people. */
	const char *title;
	bool (*is_there)(const struct mark_place *place);
	/*
	 * Returns 0; -ENOENT: there never was a mark; -EBADMSG: that is not vmgend's;
	 * -ENOPKG: the programs for it are not installed; -errno.
	 */
	int (*get)(const struct mark_place *place, char ret_mark[MARK_SIZE]);
	/* Returns 0: it is there after a power cut, too; otherwise as above. */
	int (*put)(const struct mark_place *place, const char *mark);
};

/* Returns the first one that this machine has, or NULL. */
const struct markstore *markstore_first(const struct mark_place *place);

/* Returns the one with that word, whether this machine has it or not, or NULL. */
const struct markstore *markstore_named(const char *name);

/* Is this a mark, or MARK_CLEARED? */
bool mark_valid(const char *mark);

#endif /* MARKSTORE_H */
