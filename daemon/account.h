/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A user of this system, as whom a hook is run. Looking one up may ask another
 * machine and take long, so the daemon itself never does.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

struct account {
	uid_t uid;
	gid_t gid;
	char *name, *home;
	gid_t *groups;
	int n_groups;
};

/*
 * Looks a user up. Returns 0, and the caller frees the account with
 * account_clear(); -ENOENT: no user has this name; -ENAMETOOLONG: what is known
 * of the user cannot be passed on; -errno.
 */
int account_find(const char *name, struct account *ret_account);

/* Returns the words for what account_find() failed with. */
const char *account_strerror(int r);

void account_clear(struct account *account);

/* Makes this process the user's, for good. Returns 0 or -errno. */
int account_become(const struct account *account);

#endif /* ACCOUNT_H */
