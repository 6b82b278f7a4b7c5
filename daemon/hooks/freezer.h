/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Cgroups of units, frozen by the kernel: the service manager, which may take its time, is not
 * asked.
 */
#ifndef FREEZER_H
#define FREEZER_H

#include <stdbool.h>

/* Of cgroup v2: all slices, and that of most services. */
#define FREEZER_ALL	"/sys/fs/cgroup"
#define FREEZER_SYSTEM	FREEZER_ALL "/system.slice"

/* Returns a descriptor or -errno. */
int freezer_open(const char *slice);

/*
 * Finds the cgroup of a unit that runs, by its real and full name, in a slice or in slices
 * below it, as instances of a template are. Returns a descriptor or -ENOENT.
 */
int freezer_find(int slice_fd, const char *unit);

/* Can it be frozen? */
bool freezer_is_possible(int group_fd);

/* Freezes it, or lets it go on. Neither is waited for. Returns 0 or -errno. */
int freezer_set(int group_fd, bool frozen);

#endif /* FREEZER_H */
