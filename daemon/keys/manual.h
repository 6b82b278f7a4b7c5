/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Keys that somebody has configured by hand: nothing agrees on others, so to forget them locks
 * out who comes in by them. The guards do it only if the administrator wants that, by a file.
 */
#ifndef MANUAL_H
#define MANUAL_H

#include <stdbool.h>

#define MANUAL_FILE	"/etc/vmgen/forget-manual-keys"

/* Whether the file is there. One that is not root's alone is none, and that is printed. */
bool manual_wanted(void);

#endif /* MANUAL_H */
