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
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "netns.h"

struct walk {
	const struct netns_visitor *visitor;
	int64_t deadline;
	int own_fd;
	/* The user name space of this process; without a number where Linux has none. */
	struct stat user;
	/* Whether it is the turn of those of others. */
	bool foreign;
	size_t n_seen;
	struct {
		dev_t device;
		ino_t inode;
		uid_t owner;
		bool foreign;
	} seen[NETNS_MAX + NETNS_FOREIGN_MAX];
};

/* As iproute2, Docker and Podman keep them. */
static const char *const directories[] = { "/run/netns", "/run/docker/netns" };

static bool is_seen(const struct walk *walk, const struct stat *st)
{
	size_t i;

	for (i = 0; i < walk->n_seen; i++)
		if (walk->seen[i].inode == st->st_ino && walk->seen[i].device == st->st_dev)
			return true;
	return false;
}

static void miss_more(const struct walk *walk, const char *owner, int error)
{
	const struct netns netns = { .name = owner, .foreign = true };

	walk->visitor->missed(&netns, error, walk->visitor->context);
}

/*
 * Returns 0; -EEXIST: it was seen before, or its owner has too many; -E2BIG. The first that is
 * too many for its owner is told, and is in the list as well.
 */
static int note(struct walk *walk, const struct stat *st, uid_t owner)
{
	char name[sizeof("of user ") + 10];
	size_t i, n = 0, n_owner = 0;

	if (is_seen(walk, st))
		return -EEXIST;
	for (i = 0; i < walk->n_seen; i++) {
		n += walk->seen[i].foreign == walk->foreign;
		n_owner += walk->seen[i].foreign && walk->seen[i].owner == owner;
	}
	if (walk->foreign && n_owner > NETNS_USER_MAX)
		return -EEXIST;
	if (n == (walk->foreign ? NETNS_FOREIGN_MAX : NETNS_MAX))
		return -E2BIG;
	walk->seen[walk->n_seen].device = st->st_dev;
	walk->seen[walk->n_seen].inode = st->st_ino;
	walk->seen[walk->n_seen].owner = owner;
	walk->seen[walk->n_seen++].foreign = walk->foreign;
	if (!walk->foreign || n_owner < NETNS_USER_MAX)
		return 0;
	snprintf(name, sizeof(name), "of user %u", owner);
	miss_more(walk, name, -E2BIG);
	return -EEXIST;
}

/* Returns 1 or 0; -errno. */
static int is_own_user(const struct walk *walk, int user_fd)
{
	struct stat st;

	if (fstat(user_fd, &st))
		return -errno;
	return st.st_ino == walk->user.st_ino && st.st_dev == walk->user.st_dev;
}

/*
 * What is not below the user name space of this process Linux does not tell, and what it is not
 * of is of another. Before Linux 4.9 it tells nothing.
 */
static int find_foreign(const struct walk *walk, int fd, bool *ret_foreign)
{
	int user_fd = ioctl(fd, NS_GET_USERNS), r = user_fd < 0 ? -errno : 0;

	if (!walk->user.st_ino || r == -ENOTTY)
		r = 1;
	else if (r == -EPERM)
		r = 0;
	else if (!r)
		r = is_own_user(walk, user_fd);
	if (user_fd >= 0)
		close(user_fd);
	if (r < 0)
		return r;
	*ret_foreign = !r;
	return 0;
}

/*
 * Who has made the user name space that is next to this process's: further down he may be
 * whom he likes.
 */
static uid_t owner_of(const struct walk *walk, int fd)
{
	int user_fd = ioctl(fd, NS_GET_USERNS), parent_fd;
	uid_t owner = -1;

	while (user_fd >= 0 && !is_own_user(walk, user_fd)) {
		(void)ioctl(user_fd, NS_GET_OWNER_UID, &owner);
		parent_fd = ioctl(user_fd, NS_GET_PARENT);
		close(user_fd);
		user_fd = parent_fd;
	}
	if (user_fd >= 0)
		close(user_fd);
	return owner;
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

/* Returns 0 also for one that was missed; otherwise this turn is over. */
static int enter(struct walk *walk, int fd, const struct stat *st, const struct netns *netns)
{
	int r = note(walk, st, walk->foreign ? owner_of(walk, fd) : 0);

	if (!r && !deadline_left(walk->deadline))
		r = -ETIMEDOUT;
	if (r)
		return r == -EEXIST ? 0 : r;
	if (setns(fd, CLONE_NEWNET))
		walk->visitor->missed(netns, -errno, walk->visitor->context);
	else
		walk->visitor->visit(netns, walk->visitor->context);
	return setns(walk->own_fd, CLONE_NEWNET) ? -errno : 0;
}

static int visit(struct walk *walk, int directory, const char *path, struct netns *netns)
{
	struct stat st;
	int fd = -1, result = 0, r;

	r = open_netns(directory, path, &fd, &st);
	if (r == -ENOENT || r == -ESRCH || r == -EINVAL)
		return 0;
	if (!r) {
		r = find_foreign(walk, fd, &netns->foreign);
		if (!r && netns->foreign == walk->foreign)
			result = enter(walk, fd, &st, netns);
		close(fd);
	}
	/* Once is enough. */
	if (r && !walk->foreign)
		walk->visitor->missed(netns, r, walk->visitor->context);
	return result;
}

static int visit_named(struct walk *walk, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[NETNS_NAME_SIZE];
	int r = 0;

	while (directory && !r && (entry = readdir(directory))) {
		struct netns netns = { .name = name, .directory = path };

		if (*entry->d_name == '.')
			continue;
		snprintf(name, sizeof(name), "%s", entry->d_name);
		r = visit(walk, dirfd(directory), entry->d_name, &netns);
	}
	if (directory)
		closedir(directory);
	return r;
}

/* Most processes are in one that was seen, and a name says which without opening it. */
static int visit_of_process(struct walk *walk, int proc, const char *pid)
{
	char path[NAME_MAX + sizeof("/ns/net")], name[NETNS_NAME_SIZE];
	struct netns netns = { .name = name };
	struct stat st;

	snprintf(path, sizeof(path), "%s/ns/net", pid);
	if (fstatat(proc, path, &st, 0) || is_seen(walk, &st))
		return 0;
	snprintf(name, sizeof(name), "of process %s", pid);
	return visit(walk, proc, path, &netns);
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

static int visit_all(struct walk *walk)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < sizeof(directories) / sizeof(directories[0]); i++)
		r = visit_named(walk, directories[i]);
	return r ? r : visit_of_processes(walk);
}

static int visit_foreign(struct walk *walk)
{
	int r;

	walk->foreign = true;
	r = visit_all(walk);
	if (r != -E2BIG && r != -ETIMEDOUT)
		return r;
	miss_more(walk, "of others", r);
	return 0;
}

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	struct walk walk = { .visitor = visitor, .deadline = deadline_in(limit_ms) };
	const struct netns own = { .name = "" };
	struct stat st;
	int r;

	visitor->visit(&own, visitor->context);
	r = open_netns(AT_FDCWD, "/proc/thread-self/ns/net", &walk.own_fd, &st);
	if (r)
		return r == -ENOENT ? 0 : r;
	(void)note(&walk, &st, 0);
	(void)stat("/proc/thread-self/ns/user", &walk.user);
	/* Otherwise each of them would be told as missed. */
	if (!setns(walk.own_fd, CLONE_NEWNET)) {
		r = visit_all(&walk);
		if (!r)
			r = visit_foreign(&walk);
	}
	close(walk.own_fd);
	return r;
}
