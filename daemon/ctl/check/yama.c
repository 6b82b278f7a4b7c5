/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of fork sentinels: whether the kernel lets vmgend find and zero those
 * of programs (Yama, a part of Linux, can forbid it for good), and what became of them last.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl/view/inventory.h"
#include "finding.h"
#include "record/record.h"

/* No process may look into another one, with any rights. */
static bool is_forbidden(const char *proc)
{
	char path[PATH_MAX], *text;
	bool forbidden;

	snprintf(path, sizeof(path), "%s/sys/kernel/yama/ptrace_scope", proc);
	if (file_read(AT_FDCWD, path, 64, &text, NULL))
		return false;
	forbidden = !strcmp(text, "3\n");
	free(text);
	return forbidden;
}

/* Linux can be built without what tells of them; then none is found, and nothing fails. */
static bool is_told(const char *proc)
{
	char self[PATH_MAX], path[PATH_MAX + 16];

	snprintf(self, sizeof(self), "%s/self", proc);
	snprintf(path, sizeof(path), "%s/smaps", self);
	/* Without /proc nobody knows. */
	return access(self, F_OK) || !access(path, F_OK);
}

/* Where the configuration cannot be read, as check_service() tells, nothing is promised. */
static bool is_wanted(const struct ctl *ctl)
{
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;
	bool wanted;

	if (inventory_read(ctl->config, &inventory, error))
		return false;
	wanted = inventory.config.fork_sentinels;
	inventory_clear(&inventory);
	return wanted;
}

bool sentinels_are_zeroed(const struct ctl *ctl, const char *proc)
{
	return is_wanted(ctl) && is_told(proc) && !is_forbidden(proc);
}

void check_sentinels(const struct ctl *ctl, const struct view *view, const char *proc,
		     struct findings *findings)
{
	char text[TALLY_TEXT_SIZE];
	bool wanted = is_wanted(ctl);
	struct record last;

	if (wanted && !is_told(proc))
		finding_add(findings, "sentinels", FINDING_WARNING,
			    "list their units in /etc/vmgen/restart-units",
			    "this kernel has no smaps (CONFIG_PROC_PAGE_MONITOR), so vmgend cannot tell programs with BoringSSL of a change");
	if (wanted && is_forbidden(proc))
		finding_add(findings, "sentinels", FINDING_WARNING,
			    "have sysctl.d say kernel.yama.ptrace_scope = 2, and boot again (not tried)",
			    "kernel.yama.ptrace_scope is 3, so vmgend cannot tell programs with BoringSSL of a change");
	if (!view->last || record_from_json(view->last, &last))
		return;
	if (tally_missed(&last.sentinels))
		finding_add(findings, "sentinels", FINDING_WARNING,
			    "list their units in /etc/vmgen/restart-units",
			    "programs with BoringSSL may use the same random numbers as their clones, because not all could be looked at for fork sentinels at the last change: %s",
			    tally_text(&last.sentinels, text));
	else if (last.sentinels.known)
		finding_add(findings, "sentinels", FINDING_OK, "",
			    "fork sentinels of programs, as BoringSSL has them, at the last change: %s",
			    tally_text(&last.sentinels, text));
	record_clear(&last);
}
