/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What each command of vmgenctl starts with and ends with, and the state directory of
 * vmgend for those that use it.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

/* 3 is what the LSB says for "not running". */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_RUNNING = 3,
	CTL_NO_RIGHTS = 4,
	CTL_NO_DEVICE = 5,
	CTL_NO_MODULE = 6,
	CTL_NOT_HANDLED = 7,
	CTL_DEGRADED = 8,
	CTL_NO_ID = 9,
	CTL_FENCED = 10,
	CTL_NEWER = 11,
	CTL_RNG_OTHER = 12,
	CTL_ASKS_NOT = 13,
	/* As timeout(1). */
	CTL_TIMEOUT = 124,
};

/* The options before the command. */
struct ctl {
	const char *device;
	const char *runtime_dir;
	/* Of vmgend. */
	const char *config;
	const char *state_dir;
	/* Of identities. */
	const char *inventory;
};

/* As state_open(), and tells what is wrong. */
enum ctl_exit ctl_open_state(const struct ctl *ctl, int *ret_fd);

/* Tells what is wrong with the state directory. error: -errno. */
enum ctl_exit ctl_state_error(const struct ctl *ctl, int error);

/* As strftime(3) would, of microseconds since 1970, in local time. */
const char *ctl_date(uint64_t usec, char ret_text[static 32]);

#endif /* SESSION_H */
