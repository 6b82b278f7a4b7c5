/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The guards for one change, as the guardian has them.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "run/run.h"

struct answer {
	struct run *run;
	struct record record;
	bool over;
};

/* like: the hooks are the same as of that; NULL: they are read. Returns NULL: no memory. */
struct answer *answer_new(const struct config *config, const struct answer *like);

/* NULL is allowed. Returns NULL. */
struct answer *answer_free(struct answer *answer);

#endif /* ANSWER_H */
