/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * All descendants of this process, from /proc: the kernel has no call that
 * reaches those that left the process group. The names in there are anybody's;
 * only the numbers, which are the kernel's, count.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/deadline.h"
#include "tree.h"

struct entry {
	pid_t pid, parent;
	/* See proc(5). */
	char state;
	bool descends;
};

/* The processes of the system that were looked at, in the order of the numbers. */
struct table {
	int signal;
	/* It asks: what is started on that is to do its work, and gets none. */
	bool asks;
	/* NULL: the dead stay. */
	const struct tree_reaper *reaper;
	size_t n_reaped;
	size_t n_entries, n_descendants;
	/* The last descendant, where it was found, and how many were looked at by then. */
	pid_t last;
	long position;
	size_t n_then;
	struct entry *entries;
};

/* Looks at what was started meanwhile, for each look at all. */
enum { CHASE_LIMIT = 1000 };

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
	*ret_entry = (struct entry){ .pid = pid, .parent = parent, .state = state };
	return 0;
}

static int compare(const void *a, const void *b)
{
	pid_t x = ((const struct entry *)a)->pid, y = ((const struct entry *)b)->pid;

	return (x > y) - (x < y);
}

/* What was reaped since has left its number to anybody. */
static bool is_same(const struct table *table, const struct entry *entry)
{
	struct entry now;

	return !table->n_reaped || (!read_entry(entry->pid, &now) &&
				    (now.parent == entry->parent || now.parent == getpid()));
}

static bool descends(const struct table *table, const struct entry *entry)
{
	const struct entry *parent, key = { .pid = entry->parent };

	if (entry->parent == getpid())
		return true;
	if (!table->n_entries)
		return false;
	parent = bsearch(&key, table->entries, table->n_entries, sizeof(key), compare);
	return parent && parent->descends && is_same(table, parent);
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

static void mark(struct table *table, struct entry *entry)
{
	entry->descends = true;
	table->n_descendants++;
	if (table->signal && !table->asks)
		signal_entry(entry, table->signal);
}

static int add_entry(struct table *table, const struct entry *entry)
{
	struct entry *grown;

	/* Doubled whenever it is full. */
	if (!(table->n_entries & (table->n_entries - 1))) {
		grown = reallocarray(table->entries, 2 * table->n_entries + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		table->entries = grown;
	}
	table->entries[table->n_entries++] = *entry;
	return 0;
}

/* Reads from the last descendant to the end. */
static int read_entries(DIR *dir, struct table *table)
{
	struct dirent *name;
	struct entry entry;
	long here;
	pid_t pid;
	int r;

	seekdir(dir, table->position);
	table->n_entries = table->n_then;
	for (;;) {
		here = telldir(dir);
		errno = 0;
		name = readdir(dir);
		if (!name)
			return -errno;
		pid = atoi(name->d_name);
		if (!pid || pid == table->last)
			continue;
		r = read_entry(pid, &entry);
		if (r == -ESRCH)
			continue;
		/* At once: what forks and ends all the time is elsewhere afterwards. */
		if (!r && descends(table, &entry))
			mark(table, &entry);
		if (!r)
			r = add_entry(table, &entry);
		if (r)
			return r;
		if (!entry.descends)
			continue;
		table->last = pid;
		table->position = here;
		table->n_then = table->n_entries;
	}
}

/*
 * A list of /proc ends where it ended when the last part of it was read. So it is
 * continued as long as descendants had come up: those of them that escaped the
 * signal have a child by now, which has a higher number, though there may be others
 * with higher ones. Where the machine is busy there is a long row of dead before that
 * child: reaping is faster than looking.
 */
static int chase(DIR *dir, struct table *table)
{
	size_t known;
	int r, i = 0;

	table->position = telldir(dir);
	do {
		known = table->n_descendants;
		if (table->reaper)
			table->n_reaped += table->reaper->reap(table->reaper->context);
		r = read_entries(dir, table);
	} while (!r && table->signal && !table->asks && table->n_descendants != known &&
		 ++i < CHASE_LIMIT);
	return r;
}

/* The numbers began again between a parent and its child. */
static void mark_rest(struct table *table)
{
	struct entry *entry;
	bool again;
	size_t i;

	do {
		again = false;
		for (i = 0; i < table->n_entries; i++) {
			entry = &table->entries[i];
			if (entry->descends || !descends(table, entry))
				continue;
			mark(table, entry);
			again = true;
		}
	} while (again);
}

static void ask(const struct table *table)
{
	size_t i;

	for (i = 0; i < table->n_entries; i++)
		if (table->entries[i].descends)
			signal_entry(&table->entries[i], table->signal);
}

static struct tree count(const struct table *table)
{
	struct tree tree = { .n_processes = table->n_descendants };
	const struct entry *entry;
	size_t i;

	for (i = 0; i < table->n_entries; i++) {
		entry = &table->entries[i];
		if (!entry->descends || strchr("ZXx", entry->state))
			continue;
		leftover_add(&tree.alive, entry->pid);
		/* One in D has its signal waiting before all that it could do. */
		tree.running += !strchr("TtD", entry->state);
	}
	return tree;
}

static int look(struct table *table, struct tree *ret_tree)
{
	DIR *dir = opendir("/proc");
	int r;

	if (!dir)
		return -errno;
	r = chase(dir, table);
	closedir(dir);
	if (!r) {
		qsort(table->entries, table->n_entries, sizeof(*table->entries), compare);
		mark_rest(table);
		*ret_tree = count(table);
		if (table->asks)
			ask(table);
	}
	free(table->entries);
	return r;
}

int tree_signal(int signal, struct tree *ret_tree)
{
	struct table table = { .signal = signal, .asks = signal == SIGTERM };

	return look(&table, ret_tree);
}

int tree_stop(unsigned int limit_ms, const struct tree_reaper *reaper, struct tree *ret_tree)
{
	int64_t deadline = deadline_in(limit_ms);
	struct tree tree = { .n_processes = 0 };
	struct table table;
	size_t known;
	int r;

	/*
	 * What is always elsewhere leaves its dead behind: it is stopped when there is
	 * no new one. They are reaped, or they were so many before this is done that no
	 * process of the machine could fork. Without a pause, which is the time in
	 * which another one is started.
	 */
	do {
		known = tree.n_processes;
		table = (struct table){ .signal = SIGSTOP, .reaper = reaper };
		r = look(&table, &tree);
		if (r)
			return r;
	} while ((tree.running || table.n_reaped || tree.n_processes != known) &&
		 deadline_left(deadline));
	*ret_tree = tree;
	return 0;
}
