/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How hooks ended, as status.json tells it, in words.
 */
#ifndef RESULTS_H
#define RESULTS_H

#include "session.h"

enum { RESULT_SIZE = 96 };

/* Says how a hook ended, in a few words. */
void result_describe(struct json_object *result, char ret_text[RESULT_SIZE]);

/* Did it end as it should? */
bool result_good(struct json_object *result);

/*
 * Prints what a drill that is over did, as vmgend says it in its status: each hook with its
 * output, and of the others why they did not run. rerun: NULL, or the word for what of the
 * last run was run again. Returns the exit status for it.
 */
enum ctl_exit results_print(const struct ctl *ctl, struct json_object *status, const char *rerun,
			    bool json);

#endif /* RESULTS_H */
