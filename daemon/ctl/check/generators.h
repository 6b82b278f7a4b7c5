/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a census says of other generators than OpenSSL's: most of them draw other numbers only
 * after a restart.
 */
#ifndef GENERATORS_H
#define GENERATORS_H

#include "census.h"
#include "finding.h"

/* restarts_mark() comes first. */
void generators_tell(const struct census *census, struct findings *findings);

#endif /* GENERATORS_H */
