/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ctl/systemd/: the service manager, from outside: what it says of a unit here, and files
 * that it reads in dropin.h.
 *
 * In: the name of a unit, and how long the caller can wait.
 * Out: what is known of it, or why nothing is.
 * Never: a unit that is started or stopped, or a manager that is trusted to answer.
 *
 * The service manager, as systemctl(1) tells of it. It may hang, or there may be
 * none: the caller says how long to wait.
 */
#ifndef MANAGER_H
#define MANAGER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	/* What a hook waits for an answer at most, and all who only look. */
	MANAGER_QUICK_MS = 2000,
	MANAGER_PATIENT_MS = 15000,
	/* To load all units again takes longer. */
	MANAGER_QUICK_RELOAD_MS = 10000,
	MANAGER_PATIENT_RELOAD_MS = 90000,
	MANAGER_NAMES_SIZE = 4096,
};

struct manager_unit {
	/* Its real name: %n. */
	char id[NAME_MAX + 1];
	/* All of them, with a blank before and after each. */
	char names[MANAGER_NAMES_SIZE];
	/* The manager knows it; "systemctl mask" has been used on it. */
	bool exists, masked;
	/* It has processes, or may have. */
	bool runs;
	/* It does not start without asking for the fences of a state directory. */
	bool asks;
	/* A drop-in is part of what the manager has loaded. */
	bool has_drop_in;
	/* One of that name is, which goes with the unit's line in a list (vmgen-generator). */
	bool is_listed;
};

/*
 * Runs a program, waits for it for so long, and kills it then. output: what it
 * has printed, as text; NULL: thrown away. Returns its exit status; -ETIMEDOUT;
 * -EFBIG: it has printed more; -errno.
 */
int manager_run(const char *const argv[], int timeout_ms, char *output, size_t size);

/*
 * Asks for a unit by any of its names. state_dir: whose fences it has to ask for.
 * drop_in: the path of one.
 *
 * Returns 0; -ENOENT: systemd does not run here; -ETIMEDOUT: it does not answer;
 * otherwise -errno: no answer that makes sense.
 */
int manager_ask(const char *unit, const char *state_dir, const char *drop_in, int timeout_ms,
		struct manager_unit *ret_unit);

/* Has the manager load all units again. Returns as manager_ask(). */
int manager_reload(int timeout_ms);

/* Returns words for what these returned: "systemd ...". */
const char *manager_error(int error);

/*
 * Takes the properties of one unit from what "systemctl show" says of several. Returns whether
 * there was one more; what does not fit of it is cut.
 */
bool manager_block(const char **rest, char *ret_block, size_t size);

/* The value of a property, "" without one and for what does not fit; and whether it is this one. */
void manager_value(const char *output, const char *name, char *ret_value, size_t size);
bool manager_is(const char *output, const char *name, const char *value);

bool manager_has_name(const struct manager_unit *unit, const char *name);

#endif /* MANAGER_H */
