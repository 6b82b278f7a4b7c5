/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of notices: something is left to an administrator, so this
 * machine is not protected without a word.
 */
#include <errno.h>
#include <string.h>

#include "finding.h"
#include "record/noticefile.h"

#define FINDING_NAME	"samba-ad"

static void add(const struct notice *notice, void *context)
{
	const char *blank = *notice->unit ? " " : "";

	if (notice->damage)
		finding_add(context, FINDING_NAME, FINDING_PROBLEM,
			    "remove it; vmgend-samba-ad --check shows what to do",
			    "%s%snotice %s %s", notice->unit, blank, notice->name, notice->damage);
	else
		finding_add(context, FINDING_NAME, FINDING_PROBLEM, "", "%s%s%s: %s", notice->unit,
			    blank, notice->name, notice->text);
}

void check_notices(const struct ctl *ctl, struct findings *findings)
{
	int r = notice_each(ctl->state_dir, add, findings);

	/* The directory is root's alone, and other findings say so. */
	if (r && r != -EACCES)
		finding_add(findings, FINDING_NAME, FINDING_PROBLEM, "chown root, chmod go-w",
			    "cannot look for notices in %s/samba-ad: %s", ctl->state_dir,
			    strerror(-r));
}
