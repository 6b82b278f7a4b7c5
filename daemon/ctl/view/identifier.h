/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID of this machine, for root alone.
 */
#ifndef IDENTIFIER_H
#define IDENTIFIER_H

#include "base/guest.h"
#include "base/hash.h"
#include "session.h"

/*
 * ret_hash: of the present ID; empty: there is none, or it cannot be read. Returns what
 * there is of the device; with GUEST_READY it was read.
 */
enum guest identifier_hash(const struct ctl *ctl, char ret_hash[HASH_SIZE]);

#endif /* IDENTIFIER_H */
