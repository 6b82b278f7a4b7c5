/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Makes the list of processes.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

struct entry {
	int pid;
	uid_t user;
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

	if (one->turn != other->turn)
		return one->turn < other->turn ? -1 : 1;
	return by_user(a, b);
}

static void take_turns(struct entry *entries, size_t n)
{
	size_t i;

	qsort(entries, n, sizeof(*entries), by_user);
	for (i = 0; i < n; i++)
		entries[i].turn = i && entries[i].user == entries[i - 1].user ?
				  entries[i - 1].turn + 1 : 0;
	qsort(entries, n, sizeof(*entries), by_turn);
}

/* What the kernel says of the owner is there without a look at the process's memory. */
static size_t read_entries(DIR *directory, struct entry entries[QUEUE_SIZE], size_t *ret_more)
{
	const struct dirent *entry;
	size_t n = 0, more = 0;
	struct stat st;
	int pid;

	while ((entry = readdir(directory))) {
		pid = isdigit((unsigned char)*entry->d_name) ? atoi(entry->d_name) : 0;
		/* Neither is a program with sentinels. */
		if (!pid || pid == getpid() || pid == getppid() ||
		    fstatat(dirfd(directory), entry->d_name, &st, 0))
			continue;
		if (n < QUEUE_SIZE)
			entries[n++] = (struct entry){ .pid = pid, .user = st.st_uid };
		else
			more++;
	}
	*ret_more = more;
	return n;
}

size_t queue_fill(struct queue *queue, const char *proc)
{
	struct entry *entries = malloc(QUEUE_SIZE * sizeof(*entries));
	DIR *directory = opendir(proc);
	size_t i, more = 1;

	queue->n_pids = 0;
	if (entries && directory) {
		queue->n_pids = read_entries(directory, entries, &more);
		take_turns(entries, queue->n_pids);
	}
	for (i = 0; i < queue->n_pids; i++)
		queue->pids[i] = entries[i].pid;
	if (directory)
		closedir(directory);
	free(entries);
	return more;
}
