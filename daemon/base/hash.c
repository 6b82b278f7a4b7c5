/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The hash of a generation ID. The application string keeps it apart from
 * hashes of the same ID that other programs may publish.
 */
#include <sys/types.h>
#include <sha2.h>
#include <string.h>

#include "hash.h"

_Static_assert(HASH_SIZE == SHA256_DIGEST_STRING_LENGTH, "a hash is SHA-256 in hexadecimal");

void hash_bytes(const void *bytes, size_t size, uint8_t ret_id[VMGEN_ID_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, bytes, size);
	SHA256Final(digest, &context);
	memcpy(ret_id, digest, VMGEN_ID_SIZE);
}

void hash_id(const uint8_t id[VMGEN_ID_SIZE], char ret_hash[HASH_SIZE])
{
	static const char application[] = "vmgen generation ID hash v1";
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)application, sizeof(application));
	SHA256Update(&context, id, VMGEN_ID_SIZE);
	SHA256End(&context, ret_hash);
	explicit_bzero(&context, sizeof(context));
}

/* vmgenctl(1) tells everyone how to compute it, so it stays as it is. */
void hash_metric(const char *hash, char ret_metric[HASH_METRIC_SIZE])
{
	static const char application[] = "vmgen generation ID metric v1";
	char digits[HASH_SIZE];
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)application, sizeof(application));
	SHA256Update(&context, (const uint8_t *)hash, HASH_SIZE - 1);
	SHA256End(&context, digits);
	digits[HASH_METRIC_SIZE - 1] = '\0';
	memcpy(ret_metric, digits, HASH_METRIC_SIZE);
}

bool hash_valid(const char *text)
{
	return strlen(text) == HASH_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == HASH_SIZE - 1;
}
