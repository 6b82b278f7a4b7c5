/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whether a hook would run at a change, and why not: for vmgenctl hooks, vmgenctl check and
 * vmgend --check-config.
 */
#ifndef INSPECTION_H
#define INSPECTION_H

#include "config.h"
#include "hook.h"

enum item_state {
	ITEM_ON,
	/* Its settings say enabled=no. */
	ITEM_DISABLED,
	/* By a link to /dev/null or an empty file. */
	ITEM_MASKED,
	/* Its settings have a mistake. */
	ITEM_BAD_SETTINGS,
	/* It does not pass the checks, or the kernel could not execute it. */
	ITEM_UNUSABLE,
};

/* That of a hook is the longer one. */
enum { INSPECTION_REASON_SIZE = HOOK_REASON_SIZE };

/*
 * Looks at a hook and at its settings, as far as they could be read. ret_reason: what is
 * wrong, and the remedy; "": nothing.
 */
enum item_state inspection_look(const struct config *config, const struct hook *hook,
				struct hook_settings *ret_settings,
				char ret_reason[INSPECTION_REASON_SIZE]);

/* Returns the word for a state. */
const char *item_state_name(enum item_state state);

/* Is it a state that somebody should look at? */
bool item_state_bad(enum item_state state);

/*
 * Looks at all hooks, and tells of each that could not run. Returns 0; -EBADMSG: one could
 * not, or a directory could not be used; or -ENOMEM.
 */
int inspection_check_all(const struct config *config, hook_complaint complain);

#endif /* INSPECTION_H */
