/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The state directory of vmgend, for the commands that use it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/text.h"
#include "record/statefile.h"
#include "session.h"

enum ctl_exit ctl_state_error(const struct ctl *ctl, int error)
{
	bool rights = error == -EACCES || error == -EPERM;

	text_print(stderr, "vmgenctl: cannot use %s: %s%s\n", ctl->state_dir, file_strerror(error),
		rights ? "; run this as root" : "");
	return rights ? CTL_NO_RIGHTS : CTL_FAILED;
}

enum ctl_exit ctl_open_state(const struct ctl *ctl, int *ret_fd)
{
	int r = state_open(ctl->state_dir, ret_fd);

	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

const char *ctl_date(uint64_t usec, char ret_text[static 32])
{
	time_t seconds = usec / 1000000;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(ret_text, 32, "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(ret_text, "?");
	return ret_text;
}
