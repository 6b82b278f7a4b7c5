/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Notices: what an administrator still has to know or do, a file with one line for each.
 * vmgend-samba-ad writes and removes them, in samba-ad/notices of the state directory,
 * and for other units than the usual one in samba-ad/units/UNIT/notices.
 */
#ifndef NOTICEFILE_H
#define NOTICEFILE_H

#include <limits.h>

enum {
	/* As LINE_BYTES of daemon/samba/samba_ad/notices.py, the line break and the end. */
	NOTICE_SIZE = 1024,
	/* Of one unit: who could tell so many? */
	NOTICES_MOST = 64,
};

struct notice {
	/* "": the usual one. */
	char unit[NAME_MAX + 1];
	char name[NAME_MAX + 1];
	/* One line of UTF-8 that can be printed. */
	char text[NOTICE_SIZE];
	/* What is wrong with the file, which is a notice anyway; NULL: nothing. */
	const char *damage;
};

/*
 * Calls visit for each notice, in the order of the units and names, the first
 * NOTICES_MOST of a unit. Returns 0 or -errno. state_dir may be missing.
 */
int notice_each(const char *state_dir,
		void (*visit)(const struct notice *notice, void *context), void *context);

#endif /* NOTICEFILE_H */
