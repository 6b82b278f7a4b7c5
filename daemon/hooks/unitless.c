/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * unit.h for SYSTEMD=no: there is no service manager that can be asked.
 */
#include <errno.h>

#include "unit.h"

int unit_connect(sd_bus **ret_bus)
{
	(void)ret_bus;
	return -ENODEV;
}

void unit_disconnect(sd_bus *bus)
{
	(void)bus;
}

int unit_of(sd_bus *bus, pid_t pid, struct unit *ret_unit)
{
	(void)bus;
	(void)pid;
	(void)ret_unit;
	return -ENODEV;
}

void unit_clear(struct unit *unit)
{
	(void)unit;
}

int unit_keep(sd_bus *bus, const struct unit *unit)
{
	(void)bus;
	(void)unit;
	return -ENODEV;
}

int unit_await_end(sd_bus *bus, const struct unit *unit)
{
	return unit_keep(bus, unit);
}

int unit_start(sd_bus *bus, const struct unit *unit)
{
	return unit_keep(bus, unit);
}
