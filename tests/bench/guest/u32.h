/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What AWS-LC does with /dev/sysgenid ("VM UBE Detection" in its BUILDING.md),
 * for comparison: as a function of a shared library, once what it comes down to
 * and once in all its steps.
 */
#ifndef U32_H
#define U32_H

#include <stdbool.h>
#include <stdint.h>

/* Maps the page that begins with the generation. Returns whether it could. */
bool u32_open(const char *path);
/* Loads the generation, and compares it with the last one. */
bool u32_changed(void);
/* As CRYPTO_get_vm_ube_generation(): the caller compares. Returns whether it could. */
int u32_generation(uint32_t *ret_generation);

#endif /* U32_H */
