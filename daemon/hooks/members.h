/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which units can be members of a replicated store, for 10-replica and vmgen-generator.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

/* Of a full name. Returns what keeps the unit from being fenced, or NULL. */
const char *members_misfit(const char *unit);

#endif /* MEMBERS_H */
