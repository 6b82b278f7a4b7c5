/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A user of this system, as whom a hook is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "base/deadline.h"
#include "child.h"

enum { FIRST_GROUPS = 32 };

/* What the child writes; the groups, the name and the home follow. */
struct answer {
	/* The negative errno; then nothing follows. */
	int error;
	uid_t uid;
	gid_t gid;
	int n_groups;
	char name[LOGIN_NAME_MAX], home[PATH_MAX];
};

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

static int look_up(const char *name, struct answer *answer, struct account *ret_account)
{
	struct account account = { .name = answer->name };
	const struct passwd *entry;
	int r;

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return from_errno(errno);
	if (strlen(entry->pw_name) >= sizeof(answer->name) ||
	    strlen(entry->pw_dir) >= sizeof(answer->home))
		return -ENAMETOOLONG;
	strcpy(answer->name, entry->pw_name);
	strcpy(answer->home, entry->pw_dir);
	answer->uid = entry->pw_uid;
	answer->gid = account.gid = entry->pw_gid;
	r = find_groups(&account);
	if (r)
		return r;
	answer->n_groups = account.n_groups;
	*ret_account = account;
	return 0;
}

static bool put(const void *data, size_t size)
{
	ssize_t n = write(CHILD_KEPT_FD, data, size);

	/* It blocks, so it takes all, unless nobody reads. */
	return n >= 0 && (size_t)n == size;
}

static void __attribute__((noreturn)) be_child(const char *name)
{
	struct answer answer = { .error = 0 };
	struct account account = { .groups = NULL };

	/* In the code of the name services that there are. */
	child_stand_back();
	answer.error = look_up(name, &answer, &account);
	_exit(!put(&answer, sizeof(answer)) ||
	      (!answer.error && !put(account.groups, answer.n_groups * sizeof(gid_t))));
}

/* Returns 0; -ETIMEDOUT; -EPIPE: there is no more; -errno. */
static int get(int fd, void *data, size_t size, int64_t deadline)
{
	char *next = data;
	ssize_t n;
	int r;

	while (size) {
		r = deadline_wait(fd, deadline);
		if (r)
			return r;
		n = read(fd, next, size);
		if (n <= 0)
			return n ? -errno : -EPIPE;
		next += n;
		size -= n;
	}
	return 0;
}

static int read_account(int fd, int64_t deadline, struct account *ret_account)
{
	struct account account = { .groups = NULL };
	struct answer answer;
	int r;

	r = get(fd, &answer, sizeof(answer), deadline);
	if (r || answer.error)
		return r ? r : answer.error;
	account.uid = answer.uid;
	account.gid = answer.gid;
	account.n_groups = answer.n_groups;
	account.name = strdup(answer.name);
	account.home = strdup(answer.home);
	account.groups = reallocarray(NULL, answer.n_groups, sizeof(gid_t));
	r = account.name && account.home && account.groups ?
	    get(fd, account.groups, answer.n_groups * sizeof(gid_t), deadline) : -ENOMEM;
	if (r) {
		account_clear(&account);
		return r;
	}
	*ret_account = account;
	return 0;
}

int account_find(const char *name, unsigned int limit_ms, struct account *ret_account)
{
	int64_t deadline = deadline_in(limit_ms);
	int fds[2], r, status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = child_fork(fds[1]);
	if (!pid)
		be_child(name);
	close(fds[1]);
	r = pid < 0 ? pid : read_account(fds[0], deadline, ret_account);
	/* If it hangs in the kernel, it is left to who takes the ends of all children. */
	if (pid > 0)
		(void)child_end(pid, 0, &status);
	close(fds[0]);
	return r;
}

const char *account_strerror(int r, unsigned int limit_ms, char ret_text[ACCOUNT_ERROR_SIZE])
{
	const char *text = r == -ENOENT ? "there is no such user" :
			   r == -EPIPE ? "the name service crashed" : strerror(-r);

	if (r == -ETIMEDOUT)
		snprintf(ret_text, ACCOUNT_ERROR_SIZE,
			 "the name service did not answer within %u s", (limit_ms + 999) / 1000);
	else
		snprintf(ret_text, ACCOUNT_ERROR_SIZE, "%s", text);
	return ret_text;
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
