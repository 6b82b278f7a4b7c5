/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The guards for one change.
 */
#include <stdlib.h>

#include "answer.h"

struct answer *answer_free(struct answer *answer)
{
	if (!answer)
		return NULL;
	answer->run = run_free(answer->run);
	record_clear(&answer->record);
	free(answer);
	return NULL;
}

struct answer *answer_new(const struct config *config, const struct answer *like)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	int r;

	if (!answer)
		return NULL;
	r = like ? run_renew(like->run, &answer->record, &answer->run) :
		   run_new(config, &answer->record, RUN_GUARDS, -1, &answer->run);
	if (!r)
		return answer;
	free(answer);
	return NULL;
}
