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

#include "leftover.h"

struct cgroup {
	int parent_fd, fd;
	char name[NAME_MAX + 1];
};

/*
 * Makes a cgroup for a hook below that of this process, and holds it until it is
 * released. It has the hook's name; if processes of an earlier run are in that,
 * a number follows (10-hook.1). Returns 0, and the caller ends with
 * cgroup_release(); -EOPNOTSUPP: nothing is delegated to this process (Delegate=
 * of systemd.resource-control(5)); -errno.
 */
int cgroup_create(const char *hook, struct cgroup *ret_cgroup);

/* Moves this process into a cgroup. Returns 0 or -errno. */
int cgroup_enter(int fd);

/* Kills all that is in it. Returns 0; -ENOENT: Linux before 5.14; -errno. */
int cgroup_kill(int fd);

/* Removes it; if processes are in it, leaves them there. */
void cgroup_release(struct cgroup *cgroup);

/*
 * Clears away what earlier runs of a hook have left: kills all that is in a cgroup
 * that nobody lived to release, and removes those that are empty. ret_left: the
 * processes that are in others, which were released. As cgroup_create().
 */
int cgroup_clear(const char *hook, struct leftover *ret_left);

#endif /* CGROUP_H */
