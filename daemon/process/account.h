/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A user of this system, as whom a hook is run. Looking one up may ask another
 * machine, which may never answer, so a child does that, for a limited time.
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
 * account_clear(); -ENOENT: no user has this name; -ETIMEDOUT: the name service
 * did not answer within limit_ms; -EPIPE: it ended the child; -ENAMETOOLONG:
 * what is known of the user cannot be passed on; -errno.
 */
int account_find(const char *name, unsigned int limit_ms, struct account *ret_account);

/* The words for what account_find() with this limit failed with. */
enum { ACCOUNT_ERROR_SIZE = 128 };
const char *account_strerror(int r, unsigned int limit_ms, char ret_text[ACCOUNT_ERROR_SIZE]);

void account_clear(struct account *account);

/* Makes this process the user's, for good. Returns 0 or -errno. */
int account_become(const struct account *account);

#endif /* ACCOUNT_H */
