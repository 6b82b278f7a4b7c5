/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook is told: the arguments and the environment of vmgend-hooks(7),
 * and nothing of the daemon's own.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "config/hook.h"
#include "process/account.h"
#include "record/record.h"

/* What a hook gets at once that was executed before. */
enum { ENVIRONMENT_PACKET_SIZE = 4096 };

struct environment {
	/* Both end with NULL and point into text or to constants. */
	char *argv[4], *envp[16];
	size_t n_variables, used;
	char text[3 * HOOK_PATH_SIZE];
};

/*
 * Fills it in for a hook of a run. account: as whom it is run; NULL: root, who
 * is not introduced. The environment must stay where it is.
 */
void environment_init(struct environment *environment, const struct record *run,
		      const struct hook *hook, const struct account *account);

/* The same for one that is executed while nothing has happened yet. */
void environment_init_standby(struct environment *environment, const struct hook *hook);

/*
 * Writes all variables one after another, each with its NUL. Returns how many bytes;
 * -E2BIG: there is no room.
 */
ssize_t environment_pack(const struct environment *environment,
			 char ret_packet[static ENVIRONMENT_PACKET_SIZE]);

#endif /* ENVIRONMENT_H */
