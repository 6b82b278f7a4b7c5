/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The unit that an alias stands for, as the files of units have it: for when the service manager,
 * who knows, does not answer.
 */
#ifndef ALIAS_H
#define ALIAS_H

#include <limits.h>
#include <stdbool.h>

/*
 * unit: a full name. Returns whether it is a link to a unit of another name, or to a template of
 * which it is an instance then.
 */
bool alias_follow(const char *unit, char ret_unit[NAME_MAX + 1]);

#endif /* ALIAS_H */
