/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What becomes of a unit that is fenced, for vmgenctl check, fence check, fence
 * show and fence list.
 */
#include "fenced.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/systemd/dropin.h"

#define LIFT	"when that is fixed: vmgenctl fence lift %s"

void fenced_tell_reason(const struct ctl *ctl, const char *unit, const struct fence *fence,
			struct fenced *fenced)
{
	if (fence->damage)
		snprintf(fenced->reason, sizeof(fenced->reason), "the reason is not known: %s/fence/%s %s",
			 ctl->state_dir, unit, fence->damage);
	else
		snprintf(fenced->reason, sizeof(fenced->reason), "%s",
			 *fence->reason ? fence->reason : "no reason was given");
}

static void tell_state(const char *unit, const struct manager_unit *known, struct fenced *fenced)
{
	const char *state = "is kept down";

	snprintf(fenced->remedy, sizeof(fenced->remedy), LIFT, unit);
	if (known->runs) {
		state = "is fenced but RUNNING";
		snprintf(fenced->remedy, sizeof(fenced->remedy), "systemctl stop %s", unit);
	} else if (!known->exists) {
		state = "is fenced, but systemd knows no such unit";
	} else if (!known->asks && !known->masked) {
		state = "is fenced, but can start, because it does not ask";
		snprintf(fenced->remedy, sizeof(fenced->remedy),
			 "vmgenctl fence set %s REASON adds what its unit lacks", unit);
	}
	snprintf(fenced->state, sizeof(fenced->state), "%s", state);
}

void fenced_look(const struct ctl *ctl, const char *unit, const struct fence *fence,
		 int *io_error, struct fenced *fenced)
{
	struct manager_unit known;
	char drop_in[PATH_MAX];

	fenced_tell_reason(ctl, unit, fence, fenced);
	dropin_path(unit, drop_in);
	if (!*io_error)
		*io_error = manager_ask(unit, ctl->state_dir, drop_in, MANAGER_QUICK_MS, &known);
	if (!*io_error) {
		tell_state(unit, &known, fenced);
		return;
	}
	snprintf(fenced->state, sizeof(fenced->state), "is fenced (%s, so nobody can tell whether it is down)",
		 manager_error(*io_error));
	snprintf(fenced->remedy, sizeof(fenced->remedy), LIFT, unit);
}

struct list {
	const struct ctl *ctl;
	int error;
};

static int print(const char *unit, const struct fence *fence, void *context)
{
	struct list *list = context;
	struct fenced fenced;

	fenced_look(list->ctl, unit, fence, &list->error, &fenced);
	text_print(stdout, "%s %s: %s\n", unit, fenced.state, fenced.reason);
	return 0;
}

enum ctl_exit fenced_list(const struct ctl *ctl, const char *unit)
{
	struct list list = { .ctl = ctl };
	int r = fence_each(ctl->state_dir, print, &list);

	(void)unit;
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

struct search {
	const struct manager_unit *unit;
	char *ret_unit;
	struct fence *ret_fence;
};

static int count(const char *unit, const struct fence *fence, void *context)
{
	(void)unit;
	(void)fence;
	(*(int *)context)++;
	return 0;
}

static int match(const char *unit, const struct fence *fence, void *context)
{
	struct search *search = context;

	if (!manager_has_name(search->unit, unit))
		return 0;
	snprintf(search->ret_unit, NAME_MAX + 1, "%s", unit);
	*search->ret_fence = *fence;
	return 1;
}

/* Its other names, for which only the manager can be asked. */
static enum ctl_exit find_alias(const struct ctl *ctl, const char *unit,
				char ret_unit[NAME_MAX + 1], struct fence *ret_fence)
{
	struct manager_unit known;
	struct search search = { &known, ret_unit, ret_fence };
	int r = manager_ask(unit, ctl->state_dir, "", MANAGER_PATIENT_MS, &known);

	/* Nobody gives units other names then. */
	if (r == -ENOENT)
		return CTL_OK;
	if (r) {
		text_print(stderr, "vmgenctl: other units are fenced, and %s, so %s may be one of them: vmgenctl fence list\n",
			   manager_error(r), unit);
		return CTL_FAILED;
	}
	r = fence_each(ctl->state_dir, match, &search);
	if (r < 0)
		return ctl_state_error(ctl, r);
	return r ? CTL_FENCED : CTL_OK;
}

/* ret_unit: the name by which it is fenced. */
static enum ctl_exit find(const struct ctl *ctl, const char *unit, char ret_unit[NAME_MAX + 1],
			  struct fence *ret_fence)
{
	int fd, others = 0, r;

	r = fence_open(ctl->state_dir, false, &fd);
	if (r == -ENOENT)
		return CTL_OK;
	if (!r) {
		r = fence_read(fd, unit, ret_fence);
		close(fd);
	}
	if (!r) {
		snprintf(ret_unit, NAME_MAX + 1, "%s", unit);
		return CTL_FENCED;
	}
	if (r == -ENOENT)
		r = fence_each(ctl->state_dir, count, &others);
	if (!r)
		return others ? find_alias(ctl, unit, ret_unit, ret_fence) : CTL_OK;
	if (r == -EACCES) {
		text_print(stderr, "vmgenctl: only root can tell whether %s is fenced: write ExecStartPre=+ in its unit\n",
			   unit);
		return CTL_NO_RIGHTS;
	}
	return ctl_state_error(ctl, r);
}

enum ctl_exit fenced_check(const struct ctl *ctl, const char *unit)
{
	struct fenced fenced;
	char name[NAME_MAX + 1];
	struct fence fence;
	enum ctl_exit code = find(ctl, unit, name, &fence);

	if (code != CTL_FENCED)
		return code;
	fenced_tell_reason(ctl, name, &fence, &fenced);
	text_print(stderr, "vmgenctl: %s is fenced: %s\n", name, fenced.reason);
	text_print(stderr, "vmgenctl: when that is fixed: vmgenctl fence lift %s\n", name);
	return CTL_FENCED;
}

static void print_generation(const struct fence *fence)
{
	char boot_id[BOOT_ID_SIZE];

	if (!*fence->boot_id)
		text_print(stdout, "    generation: not known, so only an administrator lifts it\n");
	else
		text_print(stdout, "    generation: %" PRIu64 " of %s boot\n", fence->generation,
			   !state_boot_id(boot_id) && !strcmp(boot_id, fence->boot_id) ? "this" : "an earlier");
}

enum ctl_exit fenced_show(const struct ctl *ctl, const char *unit)
{
	struct fenced fenced;
	char name[NAME_MAX + 1];
	struct fence fence;
	enum ctl_exit code;
	int error = 0;

	code = find(ctl, unit, name, &fence);
	if (code == CTL_OK)
		text_print(stdout, "%s is not fenced\n", unit);
	if (code != CTL_FENCED)
		return code;
	fenced_look(ctl, name, &fence, &error, &fenced);
	text_print(stdout, "%s %s: %s\n", name, fenced.state, fenced.reason);
	print_generation(&fence);
	text_print(stdout, "    -> %s\n", fenced.remedy);
	return CTL_FENCED;
}
