/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The unit of a process, as the service manager tells it. Every call to it has a
 * bound.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct sd_bus sd_bus;

struct unit {
	char *name;
	char *path;	/* of its object */
	pid_t main;	/* its main process, 0: none */
	bool starts;	/* just now */
};

/* -ENODEV: there is none that can be asked. */
int unit_connect(sd_bus **ret_bus);
/* NULL: does nothing. */
void unit_disconnect(sd_bus *bus);

/* -ENOENT: the process belongs to none. */
int unit_of(sd_bus *bus, pid_t pid, struct unit *ret_unit);
void unit_clear(struct unit *unit);

/* It stays known until the bus is closed, also if it is transient and ends. */
int unit_keep(sd_bus *bus, const struct unit *unit);

/* Until the service manager has detected that the main process has ended. */
int unit_await_end(sd_bus *bus, const struct unit *unit);

/* Does not wait for what it starts. */
int unit_start(sd_bus *bus, const struct unit *unit);

#endif
