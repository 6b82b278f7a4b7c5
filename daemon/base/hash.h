/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID as vmgend stores and passes it on: a SHA-256 hash. The
 * kernel feeds the ID itself into its random number generator, so it is kept
 * nowhere.
 */
#ifndef HASH_H
#define HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "libvmgen.h"

/* 64 hexadecimal digits and the terminating zero. */
enum { HASH_SIZE = 65 };

/* As many as 64 bits have, and the terminating zero. */
enum { HASH_METRIC_SIZE = 17 };

/* Makes of any bytes what can stand for an ID. */
void hash_bytes(const void *bytes, size_t size, uint8_t ret_id[VMGEN_ID_SIZE]);

void hash_id(const uint8_t id[VMGEN_ID_SIZE], char ret_hash[HASH_SIZE]);

/*
 * Makes of the hash of an ID what the whole fleet may compare: it tells IDs from each other,
 * and nothing of the hash, which hooks may have made something of. hash: a valid one.
 */
void hash_metric(const char *hash, char ret_metric[HASH_METRIC_SIZE]);

/* Is this text the hash of some ID? */
bool hash_valid(const char *text);

#endif /* HASH_H */
