/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A drop-in that has a unit ask for its fence. It lies where it lasts as long as
 * the fence does: below /etc.
 */
#ifndef DROPIN_H
#define DROPIN_H

#include <limits.h>
#include <stdbool.h>

/* Variables for tests. */
extern const char *dropin_directory, *dropin_program;

/* The units are full names, those of a service or a socket. */

void dropin_path(const char *unit, char ret_path[PATH_MAX]);

/* Is it there as "fence set" writes it, or wrote it where vmgen was installed in another way? */
bool dropin_is_own(const char *unit, const char *state_dir);

/* Is there one of vmgen-generator, which the manager has read then? */
bool dropin_is_generated(const char *unit);

/*
 * Writes it in one step, if it is not there, or names a program of another way to install. Returns 0: it is on disk; -EILSEQ:
 * there is another file of this name; -EINVAL: state_dir is relative, or has
 * signs that a unit cannot have; -errno.
 */
int dropin_install(const char *unit, const char *state_dir);

/* May dropin_install() succeed later though nobody does anything about what it returned? */
bool dropin_may_pass(int error);

/*
 * Takes it away, and its directory if nothing else is in there. Returns 1; 0: there
 * is none; -EILSEQ: somebody has changed it; -errno.
 */
int dropin_remove(const char *unit, const char *state_dir);

#endif /* DROPIN_H */
