/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define MANAGER		"org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define CALL_USEC	5000000
#define LOOKS		100

static const struct timespec pause_of_looks = { .tv_nsec = 50000000 };

int unit_connect(sd_bus **ret_bus)
{
	sd_bus *bus;

	if (access("/run/systemd/system", F_OK) || sd_bus_open_system(&bus) < 0)
		return -ENODEV;
	sd_bus_set_method_call_timeout(bus, CALL_USEC);
	*ret_bus = bus;
	return 0;
}

void unit_disconnect(sd_bus *bus)
{
	sd_bus_unref(bus);
}

static int read_main(sd_bus *bus, const char *path, pid_t *ret_main)
{
	uint32_t main;
	int r = sd_bus_get_property_trivial(bus, MANAGER, path, MANAGER ".Service", "MainPID", NULL,
					    'u', &main);

	if (r < 0)
		return r;
	*ret_main = main;
	return 0;
}

static int read_state(sd_bus *bus, const char *path, bool *ret_starts)
{
	char *state;
	int r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState", NULL,
					   &state);

	if (r < 0)
		return r;
	*ret_starts = !strcmp(state, "activating");
	free(state);
	return 0;
}

static int read_path(sd_bus *bus, pid_t pid, char **ret_path)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	int r;

	r = sd_bus_call_method(bus, MANAGER, MANAGER_PATH, MANAGER ".Manager", "GetUnitByPID",
			       &error, &reply, "u", (uint32_t)pid);
	if (r < 0 && sd_bus_error_has_name(&error, MANAGER ".NoUnitForPID"))
		r = -ENOENT;
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0) {
		*ret_path = strdup(path);
		r = *ret_path ? 0 : -ENOMEM;
	}
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return r;
}

int unit_of(sd_bus *bus, pid_t pid, struct unit *ret_unit)
{
	struct unit unit = { .name = NULL };
	int r = read_path(bus, pid, &unit.path);

	if (r)
		return r;
	r = sd_bus_get_property_string(bus, MANAGER, unit.path, MANAGER ".Unit", "Id", NULL,
				       &unit.name);
	if (r >= 0)
		r = read_state(bus, unit.path, &unit.starts);
	if (r < 0) {
		unit_clear(&unit);
		return r;
	}
	/* Scopes and slices have none. */
	(void)read_main(bus, unit.path, &unit.main);
	*ret_unit = unit;
	return 0;
}

void unit_clear(struct unit *unit)
{
	free(unit->name);
	free(unit->path);
}

int unit_keep(sd_bus *bus, const struct unit *unit)
{
	int r = sd_bus_call_method(bus, MANAGER, unit->path, MANAGER ".Unit", "Ref", NULL, NULL, "");

	return r < 0 ? r : 0;
}

int unit_await_end(sd_bus *bus, const struct unit *unit)
{
	pid_t main = unit->main;
	int i, r;

	for (i = 0; i < LOOKS; i++) {
		r = read_main(bus, unit->path, &main);
		if (r || main != unit->main)
			return r;
		nanosleep(&pause_of_looks, NULL);
	}
	return -ETIMEDOUT;
}

int unit_start(sd_bus *bus, const struct unit *unit)
{
	int r = sd_bus_call_method(bus, MANAGER, unit->path, MANAGER ".Unit", "Start", NULL, NULL,
				   "s", "replace");

	return r < 0 ? r : 0;
}
