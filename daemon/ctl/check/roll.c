/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The list that a census makes: a service of the system is named once, no matter what its processes
 * call themselves; others by what they do.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/comm.h"
#include "base/unitname.h"
#include "roll.h"

/* A line for each hierarchy. */
enum { CGROUPS_SIZE = 8192 };

void roll_service(int proc_fd, char ret_unit[NAME_MAX + 1])
{
	char text[CGROUPS_SIZE];
	int fd = proc_fd < 0 ? -1 : openat(proc_fd, "cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *suffix;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	*ret_unit = '\0';
	if (unitname_of_cgroups(text, ret_unit))
		return;
	/* What all that a user runs is in names nothing. */
	suffix = strrchr(ret_unit, '.');
	if (strcmp(suffix, ".service") || !strncmp(ret_unit, "user@", 5))
		*ret_unit = '\0';
}

/* Returns the number of a unit, or of those that there are if there is no room for it. */
static size_t find_unit(struct census *census, const char *unit)
{
	size_t i;

	for (i = 0; i < census->n_units; i++)
		if (!strcmp(census->units[i].unit, unit))
			return i;
	if (i == CENSUS_MAX_UNITS) {
		census->more = true;
		return i;
	}
	strcpy(census->units[i].unit, unit);
	census->n_units++;
	return i;
}

static void add_name(char names[CENSUS_NAMES_SIZE], const char *name)
{
	size_t used = strlen(names);

	if (used && names[used - 1] == '.')
		return;
	if (used + strlen(name) + 8 < CENSUS_NAMES_SIZE)
		sprintf(names + used, "%s%s", used ? ", " : "", name);
	else
		strcpy(names + used, used ? ", ..." : "...");
}

/* As it calls itself, the second since version 24, the third since 26. */
static bool is_node(int proc_fd)
{
	char name[COMM_SIZE];

	comm_read(proc_fd, name);
	return !strcmp(name, "node") || !strcmp(name, "MainThread") || !strcmp(name, "node-MainThread");
}

static void count_kind(struct census *census, enum census_kind kind, size_t unit, int pid,
		       int proc_fd)
{
	bool is_asked_for = kind == CENSUS_UNKNOWN || kind == CENSUS_STRANGE;
	char name[COMM_SIZE], text[COMM_SIZE + 16];

	census->kinds[kind].count++;
	if (kind == CENSUS_WITHOUT || kind == CENSUS_FORBIDDEN)
		return;
	if (kind == CENSUS_UNPROTECTED)
		census->has_node |= is_node(proc_fd);
	/* Of those that could not be examined the process is looked for. */
	if (unit < census->n_units && !is_asked_for) {
		census->units[unit].kinds |= 1U << kind;
		return;
	}
	census->kinds[kind].others++;
	snprintf(text, sizeof(text), "%s (%d)", comm_read(proc_fd, name), pid);
	add_name(census->kinds[kind].names, text);
}

void roll_count(struct census *census, unsigned int kinds, const char *service, int pid,
		 int proc_fd)
{
	size_t unit = kinds && *service ? find_unit(census, service) : CENSUS_MAX_UNITS;
	enum census_kind kind;

	if (!kinds)
		kinds = 1U << CENSUS_WITHOUT;
	for (kind = 0; kind < CENSUS_KINDS; kind++)
		if (kinds & 1U << kind)
			count_kind(census, kind, unit, pid, proc_fd);
	if (!(kinds & CENSUS_COPIED) || unit == CENSUS_MAX_UNITS)
		return;
	if (census->n_members == CENSUS_MAX_MEMBERS) {
		census->more = true;
		return;
	}
	census->members[census->n_members].pid = pid;
	census->members[census->n_members].unit = unit;
	census->members[census->n_members++].kinds = kinds & CENSUS_COPIED;
}

unsigned int roll_names(const struct census *census, enum census_kind kind, bool all,
			 char ret_names[CENSUS_NAMES_SIZE])
{
	unsigned int n = 0;
	size_t i;

	*ret_names = '\0';
	for (i = 0; i < census->n_units; i++) {
		if (!(census->units[i].kinds & 1U << kind) || (!all && census->units[i].restarted))
			continue;
		n++;
		add_name(ret_names, census->units[i].unit);
	}
	if (!census->kinds[kind].others)
		return n;
	add_name(ret_names, census->kinds[kind].names);
	return n + census->kinds[kind].others;
}
