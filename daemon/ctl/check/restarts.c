/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Services with a generator of which every clone has a copy. One counts if it is its main process
 * that has it, as the service manager says; and if a restart ends nobody's session, machine or
 * container, and nothing that the system stands on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unitlist.h"
#include "base/unitname.h"
#include "ctl/systemd/manager.h"
#include "record/fencefile.h"
#include "finding.h"
#include "restarts.h"
#include "tunnels.h"

enum {
	BLOCK_SIZE = 1024,
	ANSWER_SIZE = CENSUS_MAX_UNITS * BLOCK_SIZE / 4,
};

const char *restarts_list = UNITLIST_RESTART;

/* Without ".service"; with '@' any instance of it. */
static const char *const never[] = {
	"dbus", "dbus-broker", "elogind", "emergency", "rescue", "systemd-journald", "systemd-logind",
	"systemd-machined", "systemd-udevd", "vmgend",
	/* Logins, and what a user has. */
	"autovt@", "console-getty", "container-getty@", "getty@", "serial-getty@", "user-runtime-dir@",
	"user@",
	/* Display managers. */
	"display-manager", "gdm", "gdm3", "greetd", "kdm", "lightdm", "ly", "lxdm", "nodm", "plymouth",
	"sddm", "slim", "wdm", "xdm",
	/* Disks, and the membership of a cluster, which throws a node out for that. */
	"corosync", "iscsid", "nbd@", "pacemaker", "pacemaker_remote",
	/* Machines and containers. */
	"containerd", "crio", "docker", "incus", "k3s", "kubelet", "libvirtd", "lxc@", "lxd", "podman",
	"systemd-nspawn@", "virtlxcd", "virtqemud", "virtxend",
};

static bool is_never(const char *unit)
{
	/* To say goodbye under old keys is what a tunnel must not do. */
	return unitname_is_among(unit, never, sizeof(never) / sizeof(never[0])) || tunnels_has(unit);
}

/* Also one of which nobody knows. */
static bool is_fenced(int fences, const char *unit)
{
	struct fence fence;

	return fences >= 0 && fence_read(fences, unit, &fence) != -ENOENT;
}

/* Has this process of the unit a generator that was copied? */
static bool has_copy(const struct census *census, size_t unit, int pid)
{
	size_t i;

	for (i = 0; i < census->n_members; i++)
		if (census->members[i].pid == pid && census->members[i].unit == unit)
			return true;
	return false;
}

/* What the manager says of a unit. One that starts or stops just now, or ends by itself, is none. */
static void take_block(struct census *census, const struct unitlist *list, int fences,
		       const char *block)
{
	const struct unitlist_entry *entry;
	char unit[NAME_MAX + 1], pid[16];
	size_t i;

	manager_value(block, "Id", unit, sizeof(unit));
	manager_value(block, "MainPID", pid, sizeof(pid));
	for (i = 0; i < census->n_units && strcmp(census->units[i].unit, unit); i++)
		;
	entry = unitlist_find(list, unit);
	if (i == census->n_units || is_never(unit) || (entry && entry->excepted) ||
	    is_fenced(fences, unit) || !has_copy(census, i, atoi(pid)))
		return;
	census->units[i].restarted |= manager_is(block, "ActiveState", "active") &&
				      manager_is(block, "Transient", "no") &&
				      manager_is(block, "RefuseManualStop", "no") &&
				      !manager_is(block, "Type", "oneshot") &&
				      /* For one connection, which ends with it: a login of ssh@.service. */
				      !manager_is(block, "StandardInput", "socket");
}

static int ask(const struct ctl *ctl, const struct unitlist *list, int timeout_ms,
	       struct census *census)
{
	const char *argv[CENSUS_MAX_UNITS + 8] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,Type,MainPID,ActiveState,Transient,RefuseManualStop,StandardInput", "--",
	};
	char block[BLOCK_SIZE], *answer;
	const char *rest;
	int n = 5, fences = -1, r;
	size_t i;

	for (i = 0; i < census->n_units; i++)
		if (census->units[i].kinds & CENSUS_COPIED)
			argv[n++] = census->units[i].unit;
	if (n == 5)
		return 0;
	answer = malloc(ANSWER_SIZE);
	if (!answer)
		return -ENOMEM;
	r = manager_run(argv, timeout_ms, answer, ANSWER_SIZE);
	if (!r)
		r = fence_open(ctl->state_dir, false, &fences);
	if (r == -ENOENT)
		r = 0;
	for (rest = r ? NULL : answer; manager_block(&rest, block, sizeof(block));)
		take_block(census, list, fences, block);
	if (fences >= 0)
		close(fences);
	free(answer);
	return r > 0 ? -EIO : r;
}

int restarts_mark(const struct ctl *ctl, bool automatic, struct census *census)
{
	static struct unitlist list;
	const struct unitlist_entry *entry;
	size_t i;

	unitlist_read(restarts_list, UNITLIST_AUTO, &list);
	for (i = 0; i < census->n_units; i++) {
		entry = unitlist_find(&list, census->units[i].unit);
		census->units[i].restarted = !automatic && entry && !entry->excepted;
	}
	if (!automatic && !list.automatic)
		return 0;
	/* Who restarts by the answer can wait for it; a clone is busy just then. */
	return ask(ctl, &list, automatic ? MANAGER_PATIENT_MS : MANAGER_QUICK_MS, census);
}

static enum ctl_exit complain(const char *what)
{
	text_print(stderr, "vmgenctl: %s\n", what);
	return CTL_FAILED;
}

enum ctl_exit check_units(const struct ctl *ctl)
{
	struct census_aid aid = { .device = true };
	static struct census census;
	enum ctl_exit code = CTL_OK;
	size_t i;
	int r;

	if (geteuid()) {
		text_print(stderr, "vmgenctl: check --units is for root, who alone sees what others run\n");
		return CTL_NO_RIGHTS;
	}
	aid.sentinels = sentinels_are_zeroed(ctl, "/proc");
	r = census_take("/proc", &aid, &census_patient_limits, &census);
	if (r)
		return complain("no process could be examined: run this again");
	r = restarts_mark(ctl, true, &census);
	if (r)
		return complain(manager_error(r));
	for (i = 0; i < census.n_units; i++)
		if (census.units[i].restarted)
			text_print(stdout, "%s\n", census.units[i].unit);
	if (census.kinds[CENSUS_UNKNOWN].count || census.more)
		code = complain("not all processes of services could be examined; vmgenctl check names them");
	return code;
}
