/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stdbool.h>

/* Whether systemd has booted this system, as sd_booted(3) has it: without its library. */
bool systemd_runs(void);

/* A sentence that has a command of systemd, or where that does not run the other one. */
static inline const char *systemd_or(const char *command, const char *other)
{
	return systemd_runs() ? command : other;
}

#endif /* SYSTEMD_H */
