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

/* The system's own slice, of cgroup v2. Returns a descriptor or -errno. */
int freezer_open(void);

/*
 * Finds the cgroup of a unit that runs, by its real and full name, in a slice or in one of those
 * right below it, as instances of a template are. Returns a descriptor or -ENOENT.
 */
int freezer_find(int slice_fd, const char *unit);

/* Can it be frozen? */
bool freezer_is_possible(int group_fd);

/* Freezes it, or lets it go on. Neither is waited for. Returns 0 or -errno. */
int freezer_set(int group_fd, bool frozen);

#endif /* FREEZER_H */
