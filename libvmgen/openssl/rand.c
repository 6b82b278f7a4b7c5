/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generator, see provider-rand(7). Every request is answered by the kernel,
 * or expanded from what the kernel gave for it, so there is nothing in the process that
 * a clone could inherit: a context holds no secret, and contexts do not depend on each
 * other.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmgen_provider.h"

enum {
	/* Bits; what ChaCha20 in the kernel has. */
	STRENGTH = 256,
};

/*
 * OpenSSL splits up what is larger, and a clone between two parts would have the first;
 * so it is what no object exceeds.
 */
static const size_t max_request = PTRDIFF_MAX;

struct rand {
	struct provider *provider;
	struct stream stream;
	/* EVP_RAND_STATE_* */
	_Atomic int state;
};

/* The parent, for us, is the kernel. */
static OSSL_FUNC_rand_newctx_fn rand_new;
static void *rand_new(void *provider, void *parent, const OSSL_DISPATCH *parent_calls)
{
	struct rand *rand = calloc(1, sizeof(*rand));

	(void)parent;
	(void)parent_calls;
	if (!rand) {
		raise_error((struct provider *)provider, REASON_MEMORY, 0);
		return NULL;
	}
	rand->provider = provider;
	stream_open(&rand->stream, &rand->provider->device.cipher);
	atomic_store(&rand->state, EVP_RAND_STATE_UNINITIALISED);
	return rand;
}

static OSSL_FUNC_rand_freectx_fn rand_free;
static void rand_free(void *context)
{
	struct rand *rand = context;

	if (!rand)
		return;
	provider_outlive(rand->provider);
	stream_close(&rand->stream);
	free(rand);
}

/* Parameters, of which OpenSSL passes those of its own generators, are ignored by design. */
static OSSL_FUNC_rand_instantiate_fn rand_instantiate;
static int rand_instantiate(void *context, unsigned int strength, int prediction_resistance,
			    const unsigned char *personalization, size_t size,
			    const OSSL_PARAM params[])
{
	struct rand *rand = context;

	(void)prediction_resistance;
	(void)personalization;
	(void)size;
	(void)params;
	if (strength > STRENGTH)
		return raise_error(rand->provider, REASON_STRENGTH, 0);
	atomic_store(&rand->state, EVP_RAND_STATE_READY);
	return 1;
}

static OSSL_FUNC_rand_uninstantiate_fn rand_uninstantiate;
static int rand_uninstantiate(void *context)
{
	struct rand *rand = context;

	atomic_store(&rand->state, EVP_RAND_STATE_UNINITIALISED);
	return 1;
}

/* Returns 1, or 0 with an error in the queue. */
static int draw(struct rand *rand, void *out, size_t size, unsigned int strength)
{
	int r;

	if (atomic_load(&rand->state) != EVP_RAND_STATE_READY)
		return raise_error(rand->provider, REASON_NOT_INSTANTIATED, 0);
	if (strength > STRENGTH)
		return raise_error(rand->provider, REASON_STRENGTH, 0);
	r = device_draw(&rand->provider->device, &rand->stream, out, size);
	return r < 0 ? raise_error(rand->provider, error_of_draw(r), r) : 1;
}

/* All is as resistant as the kernel is. Additional input is for what keeps a state. */
static OSSL_FUNC_rand_generate_fn rand_generate;
static int rand_generate(void *context, unsigned char *out, size_t size, unsigned int strength,
			 int prediction_resistance, const unsigned char *additional,
			 size_t additional_size)
{
	struct rand *rand = context;

	(void)prediction_resistance;
	(void)additional;
	(void)additional_size;
	if (size > max_request)
		return raise_error(rand->provider, REASON_REQUEST_TOO_LARGE, 0);
	return draw(rand, out, size, strength);
}

/* Each request is a reseed. */
static OSSL_FUNC_rand_reseed_fn rand_reseed;
static int rand_reseed(void *context, int prediction_resistance, const unsigned char *entropy,
		       size_t entropy_size, const unsigned char *additional,
		       size_t additional_size)
{
	struct rand *rand = context;

	(void)prediction_resistance;
	(void)entropy;
	(void)entropy_size;
	(void)additional;
	(void)additional_size;
	return draw(rand, NULL, 0, 0);
}

/* out: NULL asks for the size. */
static OSSL_FUNC_rand_nonce_fn rand_nonce;
static size_t rand_nonce(void *context, unsigned char *out, unsigned int strength,
			 size_t min_size, size_t max_size)
{
	(void)max_size;
	if (out && !draw(context, out, min_size, strength))
		return 0;
	return min_size;
}

/* For generators of other providers whose parent this one is. */
static OSSL_FUNC_rand_get_seed_fn rand_get_seed;
static size_t rand_get_seed(void *context, unsigned char **ret_seed, int entropy,
			    size_t min_size, size_t max_size, int prediction_resistance,
			    const unsigned char *additional, size_t additional_size)
{
	struct rand *rand = context;
	const struct core *core = &rand->provider->core;
	size_t size = entropy > 0 ? ((size_t)entropy + 7) / 8 : 0;
	unsigned char *seed;

	(void)prediction_resistance;
	(void)additional;
	(void)additional_size;
	if (size < min_size)
		size = min_size;
	if (size > max_size)
		return (size_t)raise_error(rand->provider, REASON_REQUEST_TOO_LARGE, 0);
	seed = core->secure_malloc(size, __FILE__, __LINE__);
	if (!seed)
		return (size_t)raise_error(rand->provider, REASON_MEMORY, 0);
	if (!draw(rand, seed, size, 0)) {
		core->secure_clear_free(seed, size, __FILE__, __LINE__);
		return 0;
	}
	*ret_seed = seed;
	return size;
}

static OSSL_FUNC_rand_clear_seed_fn rand_clear_seed;
static void rand_clear_seed(void *context, unsigned char *seed, size_t size)
{
	const struct rand *rand = context;

	rand->provider->core.secure_clear_free(seed, size, __FILE__, __LINE__);
}

/*
 * All that two threads share is the state, one word; so thousands of them need not
 * wait for each other at the primary one.
 */
static OSSL_FUNC_rand_enable_locking_fn rand_enable_locking;
static int rand_enable_locking(void *context)
{
	(void)context;
	return 1;
}

static OSSL_FUNC_rand_lock_fn rand_lock;
static int rand_lock(void *context)
{
	(void)context;
	return 1;
}

static OSSL_FUNC_rand_unlock_fn rand_unlock;
static void rand_unlock(void *context)
{
	(void)context;
}

/*
 * OpenSSL's own generators reseed when this number of their parent's has changed, so
 * those that a program makes below this one notice a clone as well.
 */
static int set_reseed_counter(const struct rand *rand, OSSL_PARAM *param)
{
	uint64_t generation = device_generation(&rand->provider->device);

	return generation && param_set_number(param, (uint32_t)generation);
}

static int set_state(const struct rand *rand, OSSL_PARAM *param)
{
	return param_set_number(param, (uint64_t)atomic_load(&rand->state));
}

static int set_strength(const struct rand *rand, OSSL_PARAM *param)
{
	(void)rand;
	return param_set_number(param, STRENGTH);
}

static int set_max_request(const struct rand *rand, OSSL_PARAM *param)
{
	(void)rand;
	return param_set_number(param, max_request);
}

/* The first is what OpenSSL asks for before every request. */
static const struct {
	const char *key;
	int (*set)(const struct rand *rand, OSSL_PARAM *param);
} settings[] = {
	{ OSSL_RAND_PARAM_MAX_REQUEST, set_max_request },
	{ OSSL_RAND_PARAM_STATE, set_state },
	{ OSSL_RAND_PARAM_STRENGTH, set_strength },
	{ OSSL_DRBG_PARAM_RESEED_COUNTER, set_reseed_counter },
};

static OSSL_FUNC_rand_get_ctx_params_fn rand_get_params;
static int rand_get_params(void *context, OSSL_PARAM params[])
{
	size_t i;

	for (; params && params->key; params++)
		for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
			if (!strcmp(params->key, settings[i].key) &&
			    !settings[i].set(context, params))
				return 0;
	return 1;
}

static OSSL_FUNC_rand_gettable_ctx_params_fn rand_gettable_params;
static const OSSL_PARAM *rand_gettable_params(void *context, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
		OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
		OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
		OSSL_PARAM_uint(OSSL_DRBG_PARAM_RESEED_COUNTER, NULL),
		OSSL_PARAM_END
	};

	(void)context;
	(void)provider;
	return params;
}

/* There is nothing that could be left. */
static OSSL_FUNC_rand_verify_zeroization_fn rand_verify_zeroization;
static int rand_verify_zeroization(void *context)
{
	(void)context;
	return 1;
}

static const OSSL_DISPATCH rand_functions[] = {
	{ OSSL_FUNC_RAND_NEWCTX, (void (*)(void))rand_new },
	{ OSSL_FUNC_RAND_FREECTX, (void (*)(void))rand_free },
	{ OSSL_FUNC_RAND_INSTANTIATE, (void (*)(void))rand_instantiate },
	{ OSSL_FUNC_RAND_UNINSTANTIATE, (void (*)(void))rand_uninstantiate },
	{ OSSL_FUNC_RAND_GENERATE, (void (*)(void))rand_generate },
	{ OSSL_FUNC_RAND_RESEED, (void (*)(void))rand_reseed },
	{ OSSL_FUNC_RAND_NONCE, (void (*)(void))rand_nonce },
	{ OSSL_FUNC_RAND_GET_SEED, (void (*)(void))rand_get_seed },
	{ OSSL_FUNC_RAND_CLEAR_SEED, (void (*)(void))rand_clear_seed },
	{ OSSL_FUNC_RAND_ENABLE_LOCKING, (void (*)(void))rand_enable_locking },
	{ OSSL_FUNC_RAND_LOCK, (void (*)(void))rand_lock },
	{ OSSL_FUNC_RAND_UNLOCK, (void (*)(void))rand_unlock },
	{ OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, (void (*)(void))rand_gettable_params },
	{ OSSL_FUNC_RAND_GET_CTX_PARAMS, (void (*)(void))rand_get_params },
	{ OSSL_FUNC_RAND_VERIFY_ZEROIZATION, (void (*)(void))rand_verify_zeroization },
	{ 0, NULL },
};

/*
 * By the name of OpenSSL's default, so that "properties = ?provider=vmgen" prefers
 * it where it is there, and a program that cannot load it goes on as before: where
 * "random =" names one that is not there, all requests fail.
 */
const OSSL_ALGORITHM rand_algorithms[] = {
	{ "CTR-DRBG", "provider=vmgen", rand_functions, "the kernel's, unlike every clone's" },
	{ "VMGEN", "provider=vmgen", rand_functions, "the kernel's, unlike every clone's" },
	{ NULL, NULL, NULL, NULL },
};
