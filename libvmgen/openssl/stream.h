/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Many bytes from few of the kernel: a cipher's, by a key that is drawn for this one
 * request, and is gone with it.
 */
#ifndef STREAM_H
#define STREAM_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A provider's, for all its generators. */
struct cipher {
	/* Has what the program's own has. NULL: there is none, so all is the kernel's. */
	OSSL_LIB_CTX *library;
	/* NULL: not fetched yet. */
	_Atomic(EVP_CIPHER *) fetched;
	/* The program has a libcrypto of its own, and ours may end before that. */
	bool foreign;
};

void cipher_open(struct cipher *cipher, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core);
void cipher_close(struct cipher *cipher);

/* A generator's; all zeros at first. */
struct stream {
	struct cipher *cipher;
	/* Wiped. NULL: it is in use, or there is none yet. */
	_Atomic(EVP_CIPHER_CTX *) spare;
};

/*
 * Fetches the cipher, which takes locks of OpenSSL's, as to make a generator does: a
 * request would leave them to the child of another thread's fork(). Not when the provider
 * is loaded: the one that has the cipher may come after it.
 */
void stream_open(struct stream *stream, struct cipher *cipher);
void stream_close(struct stream *stream);

/*
 * Fills buf: what is small by the kernel, what is large by the cipher, and by the
 * kernel as well where there is no cipher or no memory. A vmgen_draw_fn, which any
 * number of threads may call at once.
 */
int stream_draw(void *stream, void *buf, size_t size);

#endif /* STREAM_H */
