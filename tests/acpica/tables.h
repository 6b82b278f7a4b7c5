/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The tables of firmware, as they lie in memory.
 */
#ifndef TABLES_H
#define TABLES_H

#include "machine.h"

/*
 * Writes them with what leads to them; those that are not valid are left out, and so are other
 * FADTs than the made one, whose registers are those of memory.c.
 *
 * Returns: 0; -EINVAL: there are more than the kernel would take.
 */
int tables_write(const struct machine *machine);

/* Whether the header can be believed. */
bool tables_valid(const struct machine_table *table);

/* Writes one more. Returns: where. */
uint64_t tables_add(const struct machine_table *table);

#endif /* TABLES_H */
