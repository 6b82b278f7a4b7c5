/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "netns.h"

struct walk {
	const struct netns_visitor *visitor;
	int64_t deadline;
	int own_fd;
	size_t n_seen;
	struct {
		dev_t device;
		ino_t inode;
	} seen[NETNS_MAX];
};

/* As iproute2, Docker and Podman keep them. */
static const char *const directories[] = { "/run/netns", "/run/docker/netns" };

/* Returns 0; -EEXIST: it was seen before; -E2BIG. */
static int note(struct walk *walk, const struct stat *st)
{
	size_t i;

	for (i = 0; i < walk->n_seen; i++)
		if (walk->seen[i].inode == st->st_ino && walk->seen[i].device == st->st_dev)
			return -EEXIST;
	if (walk->n_seen == NETNS_MAX)
		return -E2BIG;
	walk->seen[walk->n_seen].device = st->st_dev;
	walk->seen[walk->n_seen++].inode = st->st_ino;
	return 0;
}

/* Any file may be where one is looked for. */
static int open_netns(int directory, const char *path, int *ret_fd, struct stat *ret_stat)
{
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_stat))
		r = -errno;
	else if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		r = -EINVAL;
	if (r)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* Returns 0 also for one that was missed; otherwise the walk is over. */
static int visit(struct walk *walk, int directory, const char *path, const char *name)
{
	struct stat st;
	int fd, r;

	r = open_netns(directory, path, &fd, &st);
	if (r == -ENOENT || r == -ESRCH || r == -EINVAL)
		return 0;
	if (r) {
		walk->visitor->missed(name, r, walk->visitor->context);
		return 0;
	}
	r = note(walk, &st);
	if (!r && !deadline_left(walk->deadline))
		r = -ETIMEDOUT;
	if (!r && setns(fd, CLONE_NEWNET))
		walk->visitor->missed(name, -errno, walk->visitor->context);
	else if (!r)
		walk->visitor->visit(name, walk->visitor->context);
	close(fd);
	if (!r && setns(walk->own_fd, CLONE_NEWNET))
		r = -errno;
	return r == -EEXIST ? 0 : r;
}

static int visit_named(struct walk *walk, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[NETNS_NAME_SIZE];
	int r = 0;

	while (directory && !r && (entry = readdir(directory))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s", entry->d_name);
		r = visit(walk, dirfd(directory), entry->d_name, name);
	}
	if (directory)
		closedir(directory);
	return r;
}

/* Most processes are in one that was seen, and a name says which without opening it. */
static int visit_of_process(struct walk *walk, int proc, const char *pid)
{
	char path[NAME_MAX + sizeof("/ns/net")], name[NETNS_NAME_SIZE];
	struct stat st;
	size_t i;

	snprintf(path, sizeof(path), "%s/ns/net", pid);
	if (fstatat(proc, path, &st, 0))
		return 0;
	for (i = 0; i < walk->n_seen; i++)
		if (walk->seen[i].inode == st.st_ino && walk->seen[i].device == st.st_dev)
			return 0;
	snprintf(name, sizeof(name), "of process %s", pid);
	return visit(walk, proc, path, name);
}

static int visit_of_processes(struct walk *walk)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	while (proc && !r && (entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			r = deadline_left(walk->deadline) ?
			    visit_of_process(walk, dirfd(proc), entry->d_name) : -ETIMEDOUT;
	if (proc)
		closedir(proc);
	return r;
}

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	struct walk walk = { .visitor = visitor, .deadline = deadline_in(limit_ms) };
	struct stat st;
	size_t i;
	int r;

	visitor->visit("", visitor->context);
	r = open_netns(AT_FDCWD, "/proc/thread-self/ns/net", &walk.own_fd, &st);
	if (r)
		return r == -ENOENT ? 0 : r;
	(void)note(&walk, &st);
	/* Otherwise each of them would be told as missed. */
	if (setns(walk.own_fd, CLONE_NEWNET)) {
		close(walk.own_fd);
		return 0;
	}
	for (i = 0; !r && i < sizeof(directories) / sizeof(directories[0]); i++)
		r = visit_named(&walk, directories[i]);
	if (!r)
		r = visit_of_processes(&walk);
	close(walk.own_fd);
	return r;
}
