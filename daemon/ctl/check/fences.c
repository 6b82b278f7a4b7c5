/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of units that are fenced.
 */
#include <errno.h>
#include <string.h>

#include "ctl/view/fenced.h"
#include "finding.h"

struct list {
	const struct ctl *ctl;
	struct findings *findings;
	int error;
};

static int add(const char *unit, const struct fence *fence, void *context)
{
	struct list *list = context;
	struct fenced fenced;

	fenced_look(list->ctl, unit, fence, &list->error, &fenced);
	finding_add(list->findings, "fences", FINDING_PROBLEM, fenced.remedy, "%s %s: %s", unit,
		    fenced.state, fenced.reason);
	return 0;
}

void check_fences(const struct ctl *ctl, struct findings *findings)
{
	struct list list = { .ctl = ctl, .findings = findings };
	int r = fence_each(ctl->state_dir, add, &list);

	if (r == -EACCES)
		finding_add(findings, "fences", FINDING_NOTE, "run this as root",
			    "only root can tell whether a unit is fenced");
	else if (r)
		finding_add(findings, "fences", FINDING_PROBLEM, "chown root, chmod go-w",
			    "cannot look for fences in %s: %s", ctl->state_dir, strerror(-r));
}
