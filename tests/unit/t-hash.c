/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The hash of an ID: it must stay the same for ever, or every machine takes
 * an upgrade for a clone.
 */
#include <string.h>

#include "base/hash.h"
#include "tap.h"

int main(void)
{
	static const char want[] = "f6a0d0090e17967753271b03e5c0a13ec016a1de6836641588cc00de02bc42b3";
	uint8_t id[VMGEN_ID_SIZE];
	char hash[HASH_SIZE], metric[HASH_METRIC_SIZE];
	int i;

	for (i = 0; i < VMGEN_ID_SIZE; i++)
		id[i] = i;
	hash_id(id, hash);
	ok(!strcmp(hash, want), "the hash of a known ID");
	ok(hash_valid(hash), "is the hash of an ID");
	hash_metric(hash, metric);
	ok(!strcmp(metric, "60e4f431e6eaa833"), "what the metric has of it, which vmgenctl(1) has as an example");
	id[15]++;
	hash_id(id, hash);
	ok(strcmp(hash, want), "another ID has another");
	ok(!hash_valid(""), "no text is no hash");
	ok(!hash_valid("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
	   "upper case is none");
	ok(!hash_valid("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"),
	   "nor is one that is too long");
	return tap_done();
}
