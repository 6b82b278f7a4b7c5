/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Daemons that agree on keys (IKE), found by the cgroup of their unit: what a process calls
 * itself is worth nothing. Nobody is asked, and below services and scopes nobody is looked for,
 * so what is in a container is not found.
 */
#ifndef IKE_H
#define IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	IKE_UNITS_MAX = 16,
	IKE_PROCESSES_MAX = 64,
	IKE_NAMESPACES_MAX = 16,
};

struct ike_unit {
	const char *name;
	int fd;		/* of its cgroup */
};

struct ike_units {
	struct ike_unit unit[IKE_UNITS_MAX];
	size_t n;
};

/* Where cgroups of all units are, in a list that ends with NULL. */
extern const char *const ike_mounts[];

/*
 * Finds the units that have processes. found is called at once for each, before the next is
 * looked for; it may be NULL. The caller ends with ike_release().
 */
void ike_find(const char *const *mounts, void (*found)(struct ike_unit *unit),
	      struct ike_units *ret_units);
void ike_release(struct ike_units *units);

/*
 * Stops all processes of a unit where they are, so that not even its service manager gets an
 * end of them. Returns 0 or -errno.
 */
int ike_freeze(struct ike_unit *unit);

/*
 * Kills all processes of a unit, frozen or not; what its service manager starts there
 * afterwards is free. Returns 0; -ETIMEDOUT: they are still there; -errno.
 */
int ike_kill(const struct ike_unit *unit, int64_t deadline);

/* Returns how many of its processes there are; ret_pids gets IKE_PROCESSES_MAX at most. */
size_t ike_processes(const struct ike_unit *unit, pid_t ret_pids[IKE_PROCESSES_MAX]);

/* Network name spaces, by their inodes. */
struct ike_namespaces {
	ino_t inode[IKE_NAMESPACES_MAX];
	size_t n;
};

/* Returns whether it is there now, and was not before. */
bool ike_add_namespace(struct ike_namespaces *namespaces, ino_t inode);

/* Those of the units' processes. One that cannot be told is left out. */
void ike_find_namespaces(const struct ike_units *units, struct ike_namespaces *ret_namespaces);

/* Whether this thread is in one of them. */
bool ike_is_in(const struct ike_namespaces *namespaces);

/* Returns 1 or 0; -errno where nobody knows. */
int ike_is_frozen(const struct ike_unit *unit);

#endif /* IKE_H */
