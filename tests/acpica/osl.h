/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What ACPICA asks of an operating system, as the kernel's drivers/acpi/osl.c answers it.
 */
#ifndef OSL_H
#define OSL_H

#include <stdarg.h>
#include <stdbool.h>

/* Takes what ACPICA prints, line by line. */
typedef void osl_log(void *context, const char *line);

/* Before ACPICA starts. budget: allocations until memory is out; 0: no bound. */
void osl_start(unsigned long budget, osl_log *log, void *context);
/* From here on allocations are not bounded: what ends must be able to. */
void osl_unbound(void);

/* Runs the SCI's handler for as long as it is asserted. */
void osl_interrupt(void);

/* Of the calling thread: it handles an interrupt; it holds a spinlock. */
bool osl_in_interrupt(void);
bool osl_spinlock_held(void);
/* Either of them. */
bool osl_atomic(void);

/* Aborts there; osl_fail() always does. */
void osl_might_sleep(void);
void osl_fail(const char *what);

#endif /* OSL_H */
