/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "members.h"

/*
 * Units without which this guard, or all others, could not run: what executes it, what it asks,
 * and what a fenced unit is started by. The first pattern counts.
 */
static const struct {
	const char *pattern, *why;
} needed[] = {
	{ "vmgend.service", "runs this guard: take it out" },
	{ "vmgen-*.service", "is vmgen's own: take it out" },
	{ "modprobe@*.service", "loads what vmgen needs: take it out" },
	{ "systemd-nspawn@*.service", NULL },
	{ "systemd-*", "is systemd's own: take it out" },
	{ "udev.service", "is systemd's own: take it out" },
	{ "dbus.s*", "has others reach systemd: take it out" },
	{ "dbus-*.service", "has others reach systemd: take it out" },
};

const char *members_misfit(const char *unit)
{
	const char *dot = strrchr(unit, '.');
	size_t i;

	if (strcmp(dot, ".service") && strcmp(dot, ".socket"))
		return "cannot be fenced: list a service or a socket";
	if (dot > unit && dot[-1] == '@')
		return "is a template, which nothing starts: list its instances";
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!fnmatch(needed[i].pattern, unit, 0))
			return needed[i].why;
	return NULL;
}
