/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Names of units, as systemctl(1) takes them.
 */
#ifndef UNITNAME_H
#define UNITNAME_H

#include <limits.h>

/*
 * Makes the full name of a unit of what somebody typed: without a suffix it is that of a
 * service. Returns 0; -EINVAL: no unit has such a name.
 */
int unitname_complete(const char *name, char ret_unit[NAME_MAX + 1]);

#endif /* UNITNAME_H */
