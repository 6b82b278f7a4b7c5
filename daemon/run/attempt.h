/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One execution of a hook, from its checks to its end. A keeper may need more
 * than one.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "config/config.h"
#include "config/hook.h"
#include "output.h"
#include "record/record.h"

/* What is to be executed, how, and in answer to what. */
struct job {
	const struct config *config;
	/* NULL: not known yet, and nothing is to be executed. */
	const struct record *run;
	const struct hook *hook;
	const struct hook_settings *settings;
};

/* What can be prepared before it is known what the hook answers. */
struct attempt;

/*
 * Checks the hook, and forks a process that stands by to execute it, or has executed
 * it already where it is known to wait for the change. What is wrong is logged. Returns 0; -errno: see attempt_is_shortage().
 */
int attempt_prepare(const struct job *job, struct attempt **ret_attempt);

/* Is it one of processes, memory or descriptors, which passes? */
bool attempt_is_shortage(int r);

/* Ends what stands by. NULL is allowed. Returns NULL. */
struct attempt *attempt_free(struct attempt *attempt);

/*
 * Looks after what stands by until a descriptor is readable. A hook that was executed
 * before there is a change (standby of its settings) may end: then it is executed at the
 * change, as any other.
 */
void attempt_watch(const struct job *job, struct attempt *attempt, int fd);

/* Is the hook the very file that was checked, as it was then? */
bool attempt_is_fresh(const struct attempt *attempt);

/*
 * Executes the hook, passes its output on, ends it when its time is over or
 * when end_fd becomes readable (-1: nothing else ends it), and logs how it
 * ended. ret_result: all but the name and the output, which is in ret_output, or
 * empty. Returns 0; -ESRCH: what stood by was gone, and nothing has happened, or it has
 * ended and has not heard of the change;
 * -ETIMEDOUT: its disk did not answer.
 */
int attempt_run(const struct job *job, struct attempt *attempt, int end_fd,
		struct hook_result *ret_result, char ret_output[static OUTPUT_EXCERPT_SIZE]);

#endif /* ATTEMPT_H */
