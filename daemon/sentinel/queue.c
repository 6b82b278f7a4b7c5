/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Makes the list of processes.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

/* Linux has no more levels of user namespaces, and "user:[4026531837]" for one. */
enum { MAX_LEVELS = 33, NAME_SIZE = 64 };

struct entry {
	int pid;
	uid_t user;
	bool last;
	/* The how manieth of its user. */
	size_t turn;
};

static int by_user(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;

	if (one->user != other->user)
		return one->user < other->user ? -1 : 1;
	return one->pid - other->pid;
}

static int by_turn(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;

	if (one->last != other->last)
		return one->last - other->last;
	if (one->turn != other->turn)
		return one->turn < other->turn ? -1 : 1;
	return by_user(a, b);
}

static bool is_among(uid_t user, const uid_t *users, size_t n)
{
	size_t i;

	for (i = 0; i < n && users[i] != user; i++)
		;
	return i < n;
}

static void take_turns(struct entry *entries, size_t n, const uid_t *last, size_t n_last)
{
	size_t i;

	qsort(entries, n, sizeof(*entries), by_user);
	for (i = 0; i < n; i++) {
		entries[i].turn = i && entries[i].user == entries[i - 1].user ?
				  entries[i - 1].turn + 1 : 0;
		/* Root's hang where a server does, and that is not theirs to help. */
		entries[i].last = entries[i].user && is_among(entries[i].user, last, n_last);
	}
	qsort(entries, n, sizeof(*entries), by_turn);
}

/* Returns who has made the outermost user namespace below that of this process, or -1. */
static uid_t maker_of(int fd, ino_t own)
{
	uid_t maker = -1, found = -1;
	struct stat st;
	int i, parent;

	for (i = 0; i < MAX_LEVELS && fd >= 0; i++) {
		if (fstat(fd, &st))
			break;
		if (st.st_ino == own) {
			found = maker;
			break;
		}
		(void)ioctl(fd, NS_GET_OWNER_UID, &maker);
		parent = ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = parent;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/* Of none of this the process's memory is needed. */
static uid_t user_of(int directory, const char *name, uid_t owner, const struct stat *own)
{
	char path[NAME_SIZE], space[NAME_SIZE], here[NAME_SIZE];
	uid_t maker;
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/ns/user", name);
	n = readlinkat(directory, path, space, sizeof(space) - 1);
	space[n > 0 ? n : 0] = '\0';
	snprintf(here, sizeof(here), "user:[%llu]", (unsigned long long)own->st_ino);
	if (n <= 0 || !strcmp(space, here))
		return owner;
	maker = maker_of(openat(directory, path, O_RDONLY | O_CLOEXEC), own->st_ino);
	/* What root has made, containers, is not for root's programs to wait for. */
	return maker == (uid_t)-1 || !maker ? owner : maker;
}

static size_t read_entries(DIR *directory, struct entry entries[QUEUE_SIZE], size_t *ret_more)
{
	struct stat st, own = { .st_ino = 0 };
	const struct dirent *entry;
	size_t n = 0, more = 0;
	int pid;

	(void)stat("/proc/self/ns/user", &own);

	while ((entry = readdir(directory))) {
		pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;
		/* Neither is a program with sentinels. */
		if (!pid || pid == getpid() || pid == getppid() ||
		    fstatat(dirfd(directory), entry->d_name, &st, 0))
			continue;
		if (n < QUEUE_SIZE)
			entries[n++] = (struct entry){
				.pid = pid,
				.user = user_of(dirfd(directory), entry->d_name, st.st_uid, &own),
			};
		else
			more++;
	}
	*ret_more = more;
	return n;
}

size_t queue_fill(struct queue *queue, const char *proc, const uid_t *last, size_t n_last)
{
	struct entry *entries = malloc(QUEUE_SIZE * sizeof(*entries));
	DIR *directory = opendir(proc);
	size_t i, more = 1;

	queue->n_pids = 0;
	if (entries && directory) {
		queue->n_pids = read_entries(directory, entries, &more);
		take_turns(entries, queue->n_pids, last, n_last);
	}
	for (i = 0; i < queue->n_pids; i++) {
		queue->pids[i] = entries[i].pid;
		queue->users[i] = entries[i].user;
	}
	if (directory)
		closedir(directory);
	free(entries);
	return more;
}
