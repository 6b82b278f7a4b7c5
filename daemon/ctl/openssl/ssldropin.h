/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Drop-ins of vmgenctl openssl, of which a unit may have several. What returns enum
 * ctl_exit has told the user why it is not CTL_OK.
 */
#ifndef SSLDROPIN_H
#define SSLDROPIN_H

#include <limits.h>
#include <stdbool.h>

#include "ctl/view/session.h"

#define SSLDROPIN_UNITS	"/etc/systemd/system"

void ssldropin_path(const char *unit, const char *name, char ret_path[PATH_MAX]);

bool ssldropin_exists(const char *unit, const char *name);

/* Writes it; one that somebody has changed is left, and named. */
enum ctl_exit ssldropin_put(const char *unit, const char *name, const char *text);

/*
 * Takes it away, and the directory if nothing else is in there. One that somebody has changed
 * is left, and named. ret_removed: there was one.
 */
enum ctl_exit ssldropin_remove(const char *unit, const char *name, const char *text, bool *ret_removed);

/* Calls each with all units that have one. Returns what failed last. */
enum ctl_exit ssldropin_each(const char *name, enum ctl_exit (*each)(void *context, const char *unit),
			     void *context);

#endif /* SSLDROPIN_H */
