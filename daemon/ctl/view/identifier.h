/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID of this machine, for root alone, and what everyone may know of it.
 */
#ifndef IDENTIFIER_H
#define IDENTIFIER_H

#include "base/guest.h"
#include "base/hash.h"
#include "session.h"
#include "view.h"

/*
 * ret_hash: of the present ID; empty: there is none, or it cannot be read. Returns what
 * there is of the device; with GUEST_READY it was read.
 */
enum guest identifier_hash(const struct ctl *ctl, char ret_hash[HASH_SIZE]);

/*
 * ret_metric: see hash_metric(), of the present ID; from the device, or, for who may not read
 * that, from what vmgend tells of it. Empty: the host provides none, or nobody tells.
 */
void identifier_metric(const struct ctl *ctl, const struct view *view,
		       char ret_metric[HASH_METRIC_SIZE]);

#endif /* IDENTIFIER_H */
