/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The fences of 10-replica. All are on disk before the service manager, which may hang at any
 * unit, is asked about the first one.
 */
#ifndef FENCING_H
#define FENCING_H

#include <stdbool.h>

#include "base/unitlist.h"

enum {
	/* vmgenctl's exit status where it fences nothing, as where systemd knows no such unit. */
	FENCING_REFUSED = 1,
	/* What no exit status is: a caller has found that there is none. */
	FENCING_MISSING = 1000,
};

/*
 * Puts them, and has each unit ask for its own from the next boot on. Waits for nobody, and
 * prints nothing: what failed fails again in fencing_hold(), and is told there. Returns whether
 * the service manager has to read units again for them: not where vmgen-generator has listed all.
 */
bool fencing_put(const struct unitlist *list);

/*
 * Has the service manager take them, and tries again for a while. is_stale: as above. What fails
 * is in ret_results: vmgenctl's exit status, which it has told why, or -errno; 0: it is fenced
 * for certain.
 */
void fencing_hold(const struct unitlist *list, bool is_stale, int ret_results[UNITLIST_MAX]);

/*
 * Masks the units whose fences failed, but for those that are missing, until the next boot, or
 * until fencing_put(), so that nothing starts them again. Of an alias it is the unit itself that
 * is masked. Returns 0; -errno: nobody knows what holds.
 */
int fencing_mask(const struct unitlist *list, const int results[UNITLIST_MAX]);

#endif /* FENCING_H */
