/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What provider(7) asks of a provider.
 */
#include "vmgen_provider.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#ifndef VERSION
#error "the Makefile defines VERSION"
#endif

extern OSSL_provider_init_fn OSSL_provider_init;

static OSSL_FUNC_provider_teardown_fn teardown;
static void teardown(void *context)
{
	struct provider *provider = context;

	device_close(&provider->device);
	free(provider);
}

/*
 * Anyone who frees a generator after OPENSSL_cleanup() may have the last reference to the
 * provider, or its parent has. OpenSSL would then end it by means of locks that are gone: it
 * takes reasons out of the error queue's, and our library context takes leave of its
 * parent. Its own generators are spared that, as what is in libcrypto has no reasons. So
 * one reference is never given back; in a list, for tools that look for leaks at exit. Whether
 * another libcrypto has cleaned up cannot be told, so there none is.
 */
void provider_outlive(struct provider *provider)
{
	static _Atomic(struct provider *) staying;

	if ((!provider->device.cipher.foreign && OPENSSL_init_crypto(0, NULL)) ||
	    !provider->core.up_ref || atomic_exchange(&provider->stays, true) ||
	    !provider->core.up_ref(provider->core.handle, 0))
		return;
	provider->next = atomic_load(&staying);
	while (!atomic_compare_exchange_weak(&staying, &provider->next, provider))
		;
}

static OSSL_FUNC_provider_gettable_params_fn gettable_params;
static const OSSL_PARAM *gettable_params(void *context)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END
	};

	(void)context;
	return params;
}

static OSSL_FUNC_provider_get_params_fn get_params;
static int get_params(void *context, OSSL_PARAM params[])
{
	struct provider *provider = context;
	int r = 1;

	for (; r && params && params->key; params++) {
		if (!strcmp(params->key, OSSL_PROV_PARAM_NAME))
			r = param_set_text(params, "vmgen");
		else if (!strcmp(params->key, OSSL_PROV_PARAM_VERSION) ||
			 !strcmp(params->key, OSSL_PROV_PARAM_BUILDINFO))
			r = param_set_text(params, VERSION);
		else if (!strcmp(params->key, OSSL_PROV_PARAM_STATUS))
			r = param_set_number(params, device_generation(&provider->device) != 0);
	}
	return r;
}

/*
 * Of several generators of one name OpenSSL gives the one of which it was told first to
 * those who ask by name alone, and they want OpenSSL's. So at first we tell it of the one
 * that has a name of its own, and have it forget that; when it asks again, it has been
 * told of all others. It asks twice before it makes its own generators, for they take a
 * source of seeds first.
 */
static OSSL_FUNC_provider_query_operation_fn query_operation;
static const OSSL_ALGORITHM *query_operation(void *context, int operation, int *ret_no_cache)
{
	struct provider *provider = context;

	*ret_no_cache = 0;
	if (operation != OSSL_OP_RAND)
		return NULL;
	*ret_no_cache = !atomic_exchange(&provider->asked, true);
	return rand_algorithms + *ret_no_cache;
}

/* Two draws; that they are the same by chance takes longer than the universe. */
static OSSL_FUNC_provider_self_test_fn self_test;
static int self_test(void *context)
{
	struct provider *provider = context;
	struct stream stream = { .cipher = &provider->device.cipher };
	unsigned char bytes[2][256];
	int r;

	r = device_draw(&provider->device, &stream, bytes, sizeof(bytes));
	stream_close(&stream);
	if (r < 0)
		return raise_error(provider, error_of_draw(r), r);
	r = memcmp(bytes[0], bytes[1], sizeof(bytes[0]));
	explicit_bzero(bytes, sizeof(bytes));
	return r ? 1 : raise_error(provider, REASON_SELF_TEST, 0);
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation },
	{ OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))error_reasons },
	{ OSSL_FUNC_PROVIDER_SELF_TEST, (void (*)(void))self_test },
	{ 0, NULL },
};

/* Returns whether all that we need is there. */
static int take_core(struct core *core, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
	core->handle = handle;
	for (; in && in->function_id; in++) {
		switch (in->function_id) {
		case OSSL_FUNC_CORE_NEW_ERROR:
			core->new_error = OSSL_FUNC_core_new_error(in);
			break;
		case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
			core->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
			break;
		case OSSL_FUNC_CORE_VSET_ERROR:
			core->vset_error = OSSL_FUNC_core_vset_error(in);
			break;
		case OSSL_FUNC_CRYPTO_SECURE_MALLOC:
			core->secure_malloc = OSSL_FUNC_CRYPTO_secure_malloc(in);
			break;
		case OSSL_FUNC_CRYPTO_SECURE_CLEAR_FREE:
			core->secure_clear_free = OSSL_FUNC_CRYPTO_secure_clear_free(in);
			break;
		case OSSL_FUNC_PROVIDER_UP_REF:
			core->up_ref = OSSL_FUNC_provider_up_ref(in);
			break;
		}
	}
	return core->new_error && core->set_error_debug && core->vset_error &&
	       core->secure_malloc && core->secure_clear_free;
}

/*
 * The device is opened here, and not when the first number is wanted: by then a
 * program may have changed its root directory or its user.
 */
__attribute__((visibility("default")))
int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		       const OSSL_DISPATCH **out, void **provider_context)
{
	struct provider *provider = calloc(1, sizeof(*provider));

	if (!provider)
		return 0;
	if (!take_core(&provider->core, handle, in)) {
		free(provider);
		return 0;
	}
	device_open(&provider->device, handle, in);
	*out = functions;
	*provider_context = provider;
	return 1;
}
