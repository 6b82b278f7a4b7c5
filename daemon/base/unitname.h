/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Names of units, as systemctl(1) takes them, and as the kernel has them of a process.
 */
#ifndef UNITNAME_H
#define UNITNAME_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Makes the full name of a unit of what somebody typed: without a suffix it is that of a
 * service. Returns 0; -EINVAL: no unit has such a name.
 */
int unitname_complete(const char *name, char ret_unit[NAME_MAX + 1]);

/*
 * Is it the service of one of these names? They are without ".service"; one that ends with '@'
 * stands for any instance.
 */
bool unitname_is_among(const char *unit, const char *const names[], size_t n);

/*
 * Finds the unit of the system's service manager that a process belongs to, which it has no say
 * in. cgroups: what the kernel has in /proc/PID/cgroup. Of a user's units it is the service or
 * the session in which they all are; in a container the one of the container, if it has any.
 * Returns 0; -ENOENT: it belongs to none.
 */
int unitname_of_cgroups(const char *cgroups, char ret_unit[NAME_MAX + 1]);

#endif /* UNITNAME_H */
