/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why hooks did not run, for vmgenctl trigger and vmgenctl hooks run.
 */
#ifndef OMISSION_H
#define OMISSION_H

#include "inventory.h"

/* What all hooks were run for. */
struct occasion {
	const char *event, *intent;
	/* A change came meanwhile. */
	bool interrupted;
};

/* Returns a new text, which the caller frees; NULL: no memory. item: a hook that did not run. */
char *omission_explain(const struct inventory *inventory, const struct item *item,
		       const struct occasion *occasion);

#endif /* OMISSION_H */
