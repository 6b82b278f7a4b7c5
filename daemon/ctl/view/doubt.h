/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whether the kernel's random numbers can be vouched for: that no clone has them.
 */
#ifndef DOUBT_H
#define DOUBT_H

#include "view.h"

/* Returns why not, for the end of a sentence; NULL: they can. */
const char *doubt_random(const struct view *view);

#endif /* DOUBT_H */
