/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * File systems and disks that come over the network and are encrypted on the way, under keys
 * of a session. All are asked of the kernel, none of the server.
 */
#ifndef SESSIONS_H
#define SESSIONS_H

enum sessions_kind {
	SESSIONS_NFS,
	SESSIONS_CEPH,
	SESSIONS_RBD,
	SESSIONS_NVME,
	SESSIONS_KINDS,
};

enum { SESSIONS_NAMES_SIZE = 600 };

struct sessions {
	struct {
		unsigned int count;
		/* "/mnt, /srv", as far as there is room; not safe to print as it is. */
		char names[SESSIONS_NAMES_SIZE];
	} kinds[SESSIONS_KINDS];
	/* -errno. */
	int error;
};

/* Variables for tests: the mounts of this process, and where the kernel shows devices. */
extern const char *sessions_mounts, *sessions_sysfs;

void sessions_look(struct sessions *ret_sessions);

/* Returns words for a kind. */
const char *sessions_text(enum sessions_kind kind);

#endif /* SESSIONS_H */
