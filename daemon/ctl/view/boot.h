/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#ifndef BOOT_H
#define BOOT_H

#include "record/record.h"

/* Prints how the system went down before a boot that brought a new ID, if it was one. */
void print_boot(const struct record *run, const char *margin);

#endif /* BOOT_H */
