/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A drill: asks vmgend to run hooks, and waits for how they end.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "session.h"

struct request {
	/* NULL: all hooks. */
	const char *hook;
	/* NULL, or the word for what of the last run is run again, see rerun.h. */
	const char *rerun;
	bool real;
	bool json;
	/* CLOCK_BOOTTIME; negative: none. */
	int64_t deadline_ns;
};

enum ctl_exit request_run(const struct ctl *ctl, const struct request *request);

#endif /* REQUEST_H */
