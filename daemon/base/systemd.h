/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stdbool.h>

/* Whether systemd has booted this system, as sd_booted(3) has it: without its library. */
bool systemd_runs(void);

#endif /* SYSTEMD_H */
