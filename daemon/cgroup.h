/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A cgroup for one hook: the kernel knows all its processes, and kills them in
 * one step that no fork(2) escapes. It needs cgroup v2 and a service manager
 * that delegates, so those who use it must do without it, too.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <limits.h>

struct cgroup {
	int parent_fd, fd;
	char name[NAME_MAX + 1];
};

/*
 * Makes a cgroup below that of this process. Returns 0, and the caller ends
 * with cgroup_release(); -EOPNOTSUPP: nothing is delegated to this process
 * (Delegate= of systemd.resource-control(5)); -EBUSY: processes are in one of
 * this name; -errno.
 */
int cgroup_create(const char *name, struct cgroup *ret_cgroup);

/* Moves this process into a cgroup. Returns 0 or -errno. */
int cgroup_enter(int fd);

/* Kills all that is in it. Returns 0; -ENOENT: Linux before 5.14; -errno. */
int cgroup_kill(int fd);

/* Removes it, unless processes are in it. */
void cgroup_release(struct cgroup *cgroup);

/*
 * Kills all that is in the cgroup of this name, if nobody is left to release
 * it. As cgroup_create() and cgroup_kill().
 */
int cgroup_clear(const char *name);

#endif /* CGROUP_H */
