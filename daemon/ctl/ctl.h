/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the commands of vmgenctl share.
 */
#ifndef CTL_H
#define CTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/guest.h"

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
};

/* The commands. argv[0] is the name of the command. */
enum ctl_exit ctl_status(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_check(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_wait(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_watch(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_hooks(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_trigger(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_metrics(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_history(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_intent(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_fence(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_openssl(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_forget(const struct ctl *ctl, int argc, char **argv);

/* As state_open(), and tells what is wrong. */
enum ctl_exit ctl_open_state(const struct ctl *ctl, int *ret_fd);

/* Tells what is wrong with the state directory. error: -errno. */
enum ctl_exit ctl_state_error(const struct ctl *ctl, int error);

/* As strftime(3) would, of microseconds since 1970, in local time. */
const char *ctl_date(uint64_t usec, char ret_text[static 32]);

/*
 * Reads what vmgend says about itself. ret_running: it runs now. Returns 0 and
 * an object that the caller puts; -ENOENT: it says nothing; -errno.
 */
int vmgend_status(const char *runtime_dir, struct json_object **ret_status, bool *ret_running);

/*
 * Reads the generation that vmgend has handled last; 0: it is at work. Returns
 * 0; -ENOENT: it never ran since the system was started; -errno.
 */
int vmgend_generation(const char *runtime_dir, uint64_t *ret_generation);

#endif /* CTL_H */
