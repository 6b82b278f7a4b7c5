/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tells when hooks, their settings, or a directory on the way to them may have
 * changed.
 */
#ifndef HOOKWATCH_H
#define HOOKWATCH_H

#include "config/config.h"

struct hookwatch {
	/* Readable when something has changed; -1: nothing is watched. */
	int fd;
	size_t n_places;
	struct place *places;
};

/*
 * Watches what the configuration names, as far as it exists, and where the rest
 * would appear. Returns 0, and the caller calls hookwatch_clear(); or -errno.
 */
int hookwatch_init(struct hookwatch *watch, const struct config *config);

void hookwatch_clear(struct hookwatch *watch);

/* Takes what made the descriptor readable. Returns whether it concerns hooks. */
bool hookwatch_read(struct hookwatch *watch);

#endif /* HOOKWATCH_H */
