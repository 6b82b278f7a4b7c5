/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What becomes of a unit that is fenced: whether it is down, and stays down, as
 * the service manager tells it.
 */
#ifndef FENCED_H
#define FENCED_H

#include "ctl/systemd/manager.h"
#include "record/fencefile.h"
#include "session.h"

struct fenced {
	/* What may be said of it behind its name. */
	char state[160];
	char remedy[NAME_MAX + 160];
	/* Why: what the fence says, or what is wrong with that. */
	char reason[FENCE_REASON_SIZE + PATH_MAX];
};

/* Why a unit is fenced, alone. */
void fenced_tell_reason(const struct ctl *ctl, const char *unit, const struct fence *fence,
			struct fenced *fenced);

/*
 * Asks the manager for a unit that is fenced. io_error: 0 at first; once the
 * manager has not answered it is not asked again.
 */
void fenced_look(const struct ctl *ctl, const char *unit, const struct fence *fence,
		 int *io_error, struct fenced *ret_fenced);

/*
 * fence check, for ExecStartPre=, and fence show, by any name of a unit: CTL_FENCED and why,
 * or CTL_OK if it certainly is not fenced. fence list, of all units.
 */
enum ctl_exit fenced_check(const struct ctl *ctl, const char *unit);
enum ctl_exit fenced_show(const struct ctl *ctl, const char *unit);
enum ctl_exit fenced_list(const struct ctl *ctl, const char *unit);

#endif /* FENCED_H */
