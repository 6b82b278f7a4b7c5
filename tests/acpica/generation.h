/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What stands for kmod/generation.c.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include "kernel.h"
#include "../../kmod/vmgenc.h"

/* Reads the ID of the device in use, as vmgenc_generation_init() does. */
void generation_start(struct vmgenc *vg);

#endif /* GENERATION_H */
