/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A user of this system, as whom a hook is run.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"

enum { FIRST_GROUPS = 32 };

static int find_groups(struct account *account)
{
	int room = FIRST_GROUPS;
	gid_t *grown;

	for (;;) {
		grown = reallocarray(account->groups, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		account->groups = grown;
		account->n_groups = room;
		if (getgrouplist(account->name, account->gid, grown, &account->n_groups) >= 0)
			return 0;
		/* It says how many there are; but that may be out of date. */
		room = account->n_groups > room ? account->n_groups : 2 * room;
	}
}

static int from_errno(int error)
{
	switch (error) {
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return -error;
	default:
		/* What getpwnam(3) says of a missing user differs from system to system. */
		return -ENOENT;
	}
}

int account_find(const char *name, struct account *ret_account)
{
	struct account account = { .groups = NULL };
	const struct passwd *entry;
	int r = -ENOMEM;

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return from_errno(errno);
	if (strlen(entry->pw_name) >= LOGIN_NAME_MAX || strlen(entry->pw_dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	account.uid = entry->pw_uid;
	account.gid = entry->pw_gid;
	account.name = strdup(entry->pw_name);
	account.home = strdup(entry->pw_dir);
	if (account.name && account.home)
		r = find_groups(&account);
	if (r) {
		account_clear(&account);
		return r;
	}
	*ret_account = account;
	return 0;
}

const char *account_strerror(int r)
{
	return r == -ENOENT ? "there is no such user" : strerror(-r);
}

void account_clear(struct account *account)
{
	free(account->name);
	free(account->home);
	free(account->groups);
	*account = (struct account){ .groups = NULL };
}

int account_become(const struct account *account)
{
	/* The groups first: afterwards there is no right to it. */
	if (setgroups(account->n_groups, account->groups) ||
	    setresgid(account->gid, account->gid, account->gid) ||
	    setresuid(account->uid, account->uid, account->uid))
		return -errno;
	return 0;
}
