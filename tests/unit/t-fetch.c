/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who asks OpenSSL for a generator by its name, and what he gets, whichever provider
 * comes first and which asks first: random numbers are ours, a generator that the
 * program makes for itself is OpenSSL's, and does what is known of it.
 */
#include "loaded.h"

static unsigned char drawn[16], answers[2][16];

static bool is_of(const EVP_RAND *method, const char *provider)
{
	return method && !strcmp(OSSL_PROVIDER_get0_name(EVP_RAND_get0_provider(method)), provider);
}

static void fetches(OSSL_LIB_CTX *context, const char *name, const char *properties, const char *want)
{
	EVP_RAND *method = EVP_RAND_fetch(context, name, properties);

	ok(is_of(method, want), "%s, %s: of %s", name, properties ? properties : "by name alone", want);
	EVP_RAND_free(method);
}

static void answer(OSSL_LIB_CTX *context, unsigned char bytes[16])
{
	static unsigned char entropy[64];
	unsigned int strength = 256;
	EVP_RAND *test = EVP_RAND_fetch(context, "TEST-RAND", NULL);
	EVP_RAND *method = EVP_RAND_fetch(context, "CTR-DRBG", NULL);
	EVP_RAND_CTX *seed = EVP_RAND_CTX_new(test, NULL), *rand = EVP_RAND_CTX_new(method, seed);
	OSSL_PARAM seeds[] = {
		OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, entropy, 48),
		OSSL_PARAM_octet_string(OSSL_RAND_PARAM_TEST_NONCE, entropy, 16),
		OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, &strength), OSSL_PARAM_END
	};
	OSSL_PARAM cipher[] = {
		OSSL_PARAM_utf8_string(OSSL_DRBG_PARAM_CIPHER, (char *)"AES-256-CTR", 11), OSSL_PARAM_END
	};

	ok(EVP_RAND_CTX_set_params(seed, seeds) && EVP_RAND_instantiate(seed, 256, 0, NULL, 0, NULL) &&
	   EVP_RAND_instantiate(rand, 256, 0, NULL, 0, cipher) &&
	   EVP_RAND_generate(rand, bytes, 16, 0, 0, NULL, 0), "a generator with a known seed");
	EVP_RAND_CTX_free(rand);
	EVP_RAND_CTX_free(seed);
	EVP_RAND_free(method);
	EVP_RAND_free(test);
}

static void draws(OSSL_LIB_CTX *context)
{
	ok(RAND_bytes_ex(context, drawn, sizeof(drawn), 0) == 1 &&
	   is_of(EVP_RAND_CTX_get0_rand(RAND_get0_primary(context)), "vmgen") &&
	   is_of(EVP_RAND_CTX_get0_rand(RAND_get0_public(context)), "vmgen") &&
	   is_of(EVP_RAND_CTX_get0_rand(RAND_get0_private(context)), "vmgen"), "random numbers are ours");
}

/* Fetches what draws() will, before it does. */
static void fetches_ours(OSSL_LIB_CTX *context)
{
	EVP_RAND_free(EVP_RAND_fetch(context, "CTR-DRBG", "?provider=vmgen"));
}

static void fetches_theirs(OSSL_LIB_CTX *context)
{
	fetches(context, "CTR-DRBG", NULL, "default");
}

static void fetches_own_name(OSSL_LIB_CTX *context)
{
	fetches(context, "VMGEN", NULL, "vmgen");
}

static void test_order(bool ours_first, void (*first)(OSSL_LIB_CTX *context))
{
	struct loaded l = { .context = OSSL_LIB_CTX_new() };
	unsigned int i;

	if (!l.context || !OSSL_PROVIDER_add_builtin(l.context, "vmgen", OSSL_provider_init))
		scratch_give_up("library context");
	if (ours_first)
		l.vmgen = OSSL_PROVIDER_load(l.context, "vmgen");
	l.usual = OSSL_PROVIDER_load(l.context, "default");
	if (!ours_first)
		l.vmgen = OSSL_PROVIDER_load(l.context, "vmgen");
	if (!l.usual || !l.vmgen || !RAND_set_DRBG_type(l.context, NULL, "?provider=vmgen", NULL, NULL))
		scratch_give_up("providers");
	first(l.context);
	draws(l.context);
	fetches(l.context, "CTR-DRBG", NULL, "default");
	fetches(l.context, "CTR-DRBG", "provider=vmgen", "vmgen");
	fetches(l.context, "VMGEN", NULL, "vmgen");
	for (i = 0; i < 2; i++)
		answer(l.context, answers[i]);
	ok(!memcmp(answers[0], answers[1], sizeof(answers[0])), "gives a known answer");
	unload(&l);
}

/* By our own name, for those who would rather have an error than OpenSSL's. */
static void test_own_name(void)
{
	struct loaded l = { .context = OSSL_LIB_CTX_new() };

	if (!l.context || !OSSL_PROVIDER_add_builtin(l.context, "vmgen", OSSL_provider_init))
		scratch_give_up("library context");
	l.usual = OSSL_PROVIDER_load(l.context, "default");
	if (!l.usual || !RAND_set_DRBG_type(l.context, "VMGEN", NULL, NULL, NULL))
		scratch_give_up("providers");
	ok(RAND_bytes_ex(l.context, drawn, sizeof(drawn), 0) <= 0, "by our own name, without the provider: nothing");
	ERR_clear_error();
	l.vmgen = OSSL_PROVIDER_load(l.context, "vmgen");
	draws(l.context);
	unload(&l);
}

int main(void)
{
	static void (*const firsts[])(OSSL_LIB_CTX *context) = {
		draws, fetches_ours, fetches_theirs, fetches_own_name
	};
	size_t i;

	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		test_order(false, firsts[i]);
		test_order(true, firsts[i]);
	}
	test_own_name();
	return tap_done();
}
