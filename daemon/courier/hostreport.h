/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The report: what the host is told of a run that has ended, or of a start at which
 * nothing had changed. vmgend(8) has its members. It never has the ID itself.
 */
#ifndef HOSTREPORT_H
#define HOSTREPORT_H

#include <stdbool.h>

#include "record/record.h"

/* A line of JSON with its newline, or the text for a notification, and the zero. */
enum { HOSTREPORT_SIZE = 4096 };

struct hostreport {
	/* The run that ended last; it may hold nothing. */
	const struct record *run;
	/* Of the ID that this machine has now; empty: none that a host could know. */
	const char *id_hash;
	/* That run is what is told. Otherwise vmgend has started, and the ID is on record. */
	bool ended;
};

/* Each returns 0 or -ENOMEM. What has no room is counted anyway, in "failures". */
int hostreport_line(const struct hostreport *report, char ret_line[static HOSTREPORT_SIZE]);
int hostreport_notification(const struct hostreport *report,
			    char ret_text[static HOSTREPORT_SIZE]);

#endif /* HOSTREPORT_H */
