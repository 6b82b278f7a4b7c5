/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One execution of a hook, from its checks to its end. A keeper may need more
 * than one.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "config.h"
#include "hook.h"
#include "record.h"

/* What is to be executed, how, and in answer to what. */
struct job {
	const struct config *config;
	const struct record *run;
	const struct hook *hook;
	const struct hook_settings *settings;
};

/*
 * Executes the hook, passes its output on, ends it when its time is over, and
 * logs how it ended. ret_result: all but the name.
 */
void attempt_run(const struct job *job, struct hook_result *ret_result);

#endif /* ATTEMPT_H */
