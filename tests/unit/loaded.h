/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The OpenSSL provider in a library context, as a configuration file would load it,
 * with the machine's OpenSSL and a device that the test plays.
 */
#ifndef LOADED_H
#define LOADED_H

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "kernel.h"
#include "openssl/vmgen_provider.h"
#include "tap.h"

extern OSSL_provider_init_fn OSSL_provider_init;

struct loaded {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *usual, *vmgen;
};

static inline struct loaded load(void)
{
	struct loaded loaded = { .context = OSSL_LIB_CTX_new() };

	if (!loaded.context ||
	    !OSSL_PROVIDER_add_builtin(loaded.context, "vmgen", OSSL_provider_init))
		scratch_give_up("library context");
	loaded.usual = OSSL_PROVIDER_load(loaded.context, "default");
	loaded.vmgen = OSSL_PROVIDER_load(loaded.context, "vmgen");
	if (!loaded.usual || !loaded.vmgen ||
	    !RAND_set_DRBG_type(loaded.context, NULL, "?provider=vmgen", NULL, NULL))
		scratch_give_up("providers");
	return loaded;
}

static inline void unload(struct loaded *loaded)
{
	OSSL_PROVIDER_unload(loaded->vmgen);
	OSSL_PROVIDER_unload(loaded->usual);
	OSSL_LIB_CTX_free(loaded->context);
}

/* Returns how many draws from the kernel a request took; UINT_MAX: it failed. */
static inline unsigned int drawn_by(OSSL_LIB_CTX *context, void *buf, size_t size)
{
	unsigned int before = calls.made[CALL_GETRANDOM];

	return RAND_bytes_ex(context, buf, size, 0) == 1 ?
		calls.made[CALL_GETRANDOM] - before : UINT_MAX;
}

/* Returns the last error's reason, if it is one of ours, and empties the queue. */
static inline int last_reason(void)
{
	unsigned long error, last = 0;
	const char *text;

	/* What libcrypto says on top of it belongs to a library of its own. */
	while ((error = ERR_get_error()) != 0)
		if (ERR_GET_LIB(error) >= ERR_LIB_USER)
			last = error;
	text = last ? ERR_reason_error_string(last) : NULL;
	if (text)
		printf("# %s\n", text);
	return text ? ERR_GET_REASON(last) : 0;
}

#endif /* LOADED_H */
