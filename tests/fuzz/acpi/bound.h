/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * AML that loops, or calls itself, ends after so many steps: ACPICA's own bound is a time
 * for each loop, of which there may be many. Memory has an end too.
 */
#ifndef BOUND_H
#define BOUND_H

#include <stdbool.h>

/* From now on; memory is not short. */
void bound_steps(unsigned long steps);

/* So many allocations from now on there is no memory for so many. */
void bound_memory(unsigned long good, unsigned long bad);

/* Whether one of them came true, and nobody knows what it stopped. */
bool bound_reached(void);

#endif /* BOUND_H */
