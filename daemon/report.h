/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How the answer to a change goes on, for everybody else.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "log.h"
#include "repair.h"

/* Writes status.json and tells the service manager. activity: a word. */
void report_activity(const struct repair *repair, const char *activity);

/* Writes it again, because of something else than the run. */
void report_again(const struct repair *repair);

/* Writes the generation that is handled; 0: none. */
void report_generation(const struct repair *repair, uint64_t generation);

/* What the journal is told of a run that has finished. */
struct log_fields report_fields(const struct record *run);

/* Returns words for how the reseed ended. error: 0 or -errno. */
const char *report_reseed(int error);

#endif /* REPORT_H */
