/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A name service of the test's own, for users that the system has not: one whose
 * look-up hangs, and one at which the service crashes.
 */
#ifndef NSS_H
#define NSS_H

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NSS_GROUPS = 40000 };

/* Instead of libc's. */
struct passwd *getpwnam(const char *name)
{
	static const struct rlimit no_core = { 0, 0 };
	static struct passwd entry;
	static char text[4096];
	struct passwd *found = NULL;

	if (!strcmp(name, "hangs"))
		for (;;)
			pause();
	if (!strcmp(name, "crashes")) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)raise(SIGKILL);
	}
	if (!strcmp(name, "popular")) {
		entry = (struct passwd){ .pw_name = (char *)"popular", .pw_uid = 7, .pw_gid = 8,
					 .pw_dir = (char *)"/home/popular" };
		return &entry;
	}
	errno = getpwnam_r(name, &entry, text, sizeof(text), &found);
	return found;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *n_groups)
{
	int room = *n_groups, i, wanted = strcmp(user, "popular") ? 1 : NSS_GROUPS;

	*n_groups = wanted;
	for (i = 0; i < room && i < wanted; i++)
		groups[i] = group + i;
	return wanted <= room ? wanted : -1;
}

#endif /* NSS_H */
