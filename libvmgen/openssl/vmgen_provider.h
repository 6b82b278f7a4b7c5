/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * An OpenSSL provider whose random numbers no clone of the machine has had as
 * well: unmodified programs keep generators of their own, which nobody tells.
 *
 * It answers through the functions that it is handed, and has libcrypto for a cipher
 * alone, in a library context of its own: so one file serves every OpenSSL 3 that a program
 * may contain, also beside the system's.
 */
#ifndef VMGEN_PROVIDER_H
#define VMGEN_PROVIDER_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <stddef.h>

#include "device.h"

/* Part of the interface: numbers in OpenSSL's error queue. */
enum reason {
	REASON_MEMORY = 1,
	REASON_NOT_INSTANTIATED,
	REASON_STRENGTH,
	REASON_REQUEST_TOO_LARGE,
	REASON_NOT_RESEEDED,
	REASON_CLONED_TOO_OFTEN,
	REASON_NO_ANSWER,
	REASON_SELF_TEST,
};

/* What OpenSSL offers us. */
struct core {
	const OSSL_CORE_HANDLE *handle;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
	OSSL_FUNC_CRYPTO_secure_malloc_fn *secure_malloc;
	OSSL_FUNC_CRYPTO_secure_clear_free_fn *secure_clear_free;
	/* NULL: it has none. */
	OSSL_FUNC_provider_up_ref_fn *up_ref;
};

struct provider {
	struct core core;
	struct device device;
	/* For generators. */
	_Atomic bool asked;
	/* Until exit; and the next of those. */
	_Atomic bool stays;
	struct provider *next;
};

/* Once OpenSSL has cleaned up, keeps the provider: before a generator lets go of it. */
void provider_outlive(struct provider *provider);

/* rand.c: the generator, by OpenSSL's name and, after that, by its own. */
extern const OSSL_ALGORITHM rand_algorithms[];

/* error.c */
const OSSL_ITEM *error_reasons(void *provider);

/* Puts a reason into the error queue of the thread; error: -errno, or 0. Returns 0. */
#define raise_error(provider, reason, error) \
	error_raise(&(provider)->core, __FILE__, __LINE__, __func__, reason, error)
int error_raise(const struct core *core, const char *file, int line, const char *function,
		enum reason reason, int error);

/* Returns the reason why a draw failed. error: -errno, as from device_draw(). */
enum reason error_of_draw(int error);

/* param.c: the setters of <openssl/params.h>, which are in libcrypto. */
int param_set_number(OSSL_PARAM *param, uint64_t value);
int param_set_text(OSSL_PARAM *param, const char *text);

#endif /* VMGEN_PROVIDER_H */
