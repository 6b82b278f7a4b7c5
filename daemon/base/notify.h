/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend tells the service manager. Without one every call does nothing.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

void notify_ready(void);
/* Until the next notify_ready(). */
void notify_reloading(void);
void notify_stopping(void);
void notify_alive(void);
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The start may take this much longer, counted from now. */
void notify_extend_start(unsigned int seconds);

/* Returns how often notify_alive() must be called, in microseconds; 0: never. */
uint64_t notify_alive_interval(void);

#endif /* NOTIFY_H */
