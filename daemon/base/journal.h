/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the journal can be searched for beside the text of a line: MESSAGE_ID=, which
 * packaging/systemd/vmgen.catalog explains, VMGEN_EVENT=, VMGEN_HOOK=, VMGEN_OUTCOME=
 * and VMGEN_GENERATION=. Where standard error is not the journal there is just the line.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message {
	MESSAGE_NONE,
	/* This machine was cloned or restored. */
	MESSAGE_CHANGED,
	/* Perhaps it was. */
	MESSAGE_UNKNOWN,
	/* There is nothing on record to compare with. */
	MESSAGE_ADOPTED,
	/* An attempt at a hook ended, as it should or otherwise. */
	MESSAGE_HOOK_DONE,
	MESSAGE_HOOK_FAILED,
	/* All was done for a change; something of it failed. */
	MESSAGE_HANDLED,
	MESSAGE_DEGRADED,
	MESSAGE_NOT_RESEEDED,
	MESSAGE_NOT_RECORDED,
};

/* What is empty is left out. Texts are of one line. */
struct log_fields {
	enum message message;
	const char *event, *hook, *outcome;
	uint64_t generation;
};

/*
 * Adds these fields to each line of this process from now on, where the line has none
 * of its own. NULL: none. It must outlive that.
 */
void journal_context(const struct log_fields *fields);

/*
 * For the log: sends a line, made safe, with the fields that apply to it. fields: of this
 * line; NULL: none. Returns false if none apply, or the journal did not take it at once.
 */
bool journal_send(int priority, const struct log_fields *fields, const char *line);

#endif /* JOURNAL_H */
