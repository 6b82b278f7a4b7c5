/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * All descendants of this process, from /proc: the kernel has no call that
 * reaches those that left the process group.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "tree.h"

struct entry {
	pid_t pid, parent;
	bool ended, descends;
};

/* Every process of the system, in the order of the numbers. */
struct table {
	size_t n_entries;
	struct entry *entries;
};

/* Returns 0; -ESRCH: there is no such process any more; -errno. */
static int read_entry(pid_t pid, struct entry *ret_entry)
{
	char path[32], text[512], state;
	const char *rest;
	int fd, parent;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -ESRCH;
	text[n] = '\0';
	/* The name in parentheses may be anything; only numbers follow. */
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %c %d", &state, &parent) != 2)
		return -ESRCH;
	*ret_entry = (struct entry){
		.pid = pid, .parent = parent, .ended = state == 'Z' || state == 'X',
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	pid_t x = ((const struct entry *)a)->pid, y = ((const struct entry *)b)->pid;

	return (x > y) - (x < y);
}

static int read_entries(DIR *dir, struct table *table)
{
	struct dirent *name;
	struct entry entry, *grown;
	int r;

	for (;;) {
		errno = 0;
		name = readdir(dir);
		if (!name)
			return -errno;
		if (*name->d_name < '1' || *name->d_name > '9')
			continue;
		r = read_entry(atoi(name->d_name), &entry);
		if (r == -ESRCH)
			continue;
		if (r)
			return r;
		grown = reallocarray(table->entries, table->n_entries + 1, sizeof(entry));
		if (!grown)
			return -ENOMEM;
		grown[table->n_entries++] = entry;
		table->entries = grown;
	}
}

static void mark_descendants(const struct table *table)
{
	struct entry *entry, *parent, key;
	pid_t self = getpid();
	bool again;
	size_t i;

	do {
		again = false;
		for (i = 0; i < table->n_entries; i++) {
			entry = &table->entries[i];
			key.pid = entry->parent;
			parent = bsearch(&key, table->entries, table->n_entries, sizeof(key),
					 compare);
			if (entry->descends ||
			    (entry->parent != self && !(parent && parent->descends)))
				continue;
			entry->descends = true;
			again = true;
		}
	} while (again);
}

static void signal_entry(const struct entry *entry, int signal)
{
	int fd = pidfd_open(entry->pid, 0);
	struct entry now;

	if (fd < 0)
		return;
	/*
	 * The number may belong to another process by now. The one that fd is
	 * of is there before this look and after it, so it is the one looked at.
	 * Its parent may just have died, which makes it a child of ours.
	 */
	if (!read_entry(entry->pid, &now) &&
	    (now.parent == entry->parent || now.parent == getpid()))
		(void)pidfd_send_signal(fd, signal, NULL, 0);
	close(fd);
}

int tree_signal(int signal, size_t *ret_alive)
{
	struct table table = { .n_entries = 0 };
	DIR *dir = opendir("/proc");
	size_t i, alive = 0;
	int r;

	if (!dir)
		return -errno;
	r = read_entries(dir, &table);
	closedir(dir);
	if (!r) {
		qsort(table.entries, table.n_entries, sizeof(*table.entries), compare);
		mark_descendants(&table);
		for (i = 0; i < table.n_entries; i++) {
			if (!table.entries[i].descends)
				continue;
			alive += !table.entries[i].ended;
			if (signal)
				signal_entry(&table.entries[i], signal);
		}
		*ret_alive = alive;
	}
	free(table.entries);
	return r;
}
