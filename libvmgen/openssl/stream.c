/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * OpenSSL's own AES-256 in counter mode: the same as in its generator, and on most
 * machines in hardware, so a program is as fast as without us.
 */
#include "stream.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdint.h>
#include <string.h>

#include "vmgen.h"

enum {
	/* Bytes; a smaller request is as fast by the kernel, as make bench measures. */
	LARGE = 256,
	KEY_SIZE = 32,
	BLOCK_SIZE = 16,
	/* What is encrypted at a time. */
	PIECE = 8192,
};

static const unsigned char zeros[PIECE];

/* By what lies in each: the address of a function may be one in the program. */
static bool is_foreign(const OSSL_DISPATCH *core)
{
	Dl_info theirs, ours;

	return !dladdr((void *)core->function, &theirs) ||
	       !dladdr(OpenSSL_version(OPENSSL_VERSION), &ours) || theirs.dli_fbase != ours.dli_fbase;
}

void cipher_open(struct cipher *cipher, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core)
{
	cipher->foreign = is_foreign(core);
	/* Ours would end first, and engines of the program may have it as well. */
	if (cipher->foreign)
		OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	ERR_set_mark();
	cipher->library = OSSL_LIB_CTX_new_child(handle, core);
	ERR_pop_to_mark();
}

/*
 * If somebody has made ours end with the process, it ends before that of a program that OpenSSL
 * is linked into: what we have of it cannot be used then, nor given back. If there is one
 * libcrypto, it frees the provider while all of it is still there.
 */
static bool is_gone(const struct cipher *cipher)
{
	return cipher->foreign && !OPENSSL_init_crypto(0, NULL);
}

void cipher_close(struct cipher *cipher)
{
	if (is_gone(cipher))
		return;
	EVP_CIPHER_free(atomic_exchange(&cipher->fetched, NULL));
	OSSL_LIB_CTX_free(cipher->library);
	cipher->library = NULL;
}

static EVP_CIPHER *fetch(struct cipher *cipher)
{
	EVP_CIPHER *fetched = atomic_load(&cipher->fetched), *none = NULL;

	if (fetched || !cipher->library)
		return fetched;
	fetched = EVP_CIPHER_fetch(cipher->library, "AES-256-CTR", "provider=default");
	if (fetched && !atomic_compare_exchange_strong(&cipher->fetched, &none, fetched)) {
		EVP_CIPHER_free(fetched);
		return none;
	}
	return fetched;
}

void stream_open(struct stream *stream, struct cipher *cipher)
{
	stream->cipher = cipher;
	ERR_set_mark();
	(void)fetch(cipher);
	ERR_pop_to_mark();
}

/* The counter goes on from anywhere, for no other request has the key. */
static EVP_CIPHER_CTX *take(struct stream *stream)
{
	EVP_CIPHER_CTX *context;
	EVP_CIPHER *fetched;

	if (is_gone(stream->cipher))
		return NULL;
	context = atomic_exchange(&stream->spare, NULL);
	if (context)
		return context;
	fetched = fetch(stream->cipher);
	context = fetched ? EVP_CIPHER_CTX_new() : NULL;
	if (context && EVP_EncryptInit_ex2(context, fetched, zeros, zeros, NULL))
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

static bool encrypt(EVP_CIPHER_CTX *context, unsigned char *buf, size_t size)
{
	int piece, done;

	for (; size; buf += piece, size -= (size_t)piece) {
		piece = size < PIECE ? (int)size : PIECE;
		if (!EVP_EncryptUpdate(context, buf, &done, zeros, piece) || done != piece)
			return false;
	}
	return true;
}

/* By a key that everybody knows, and a byte of that, so that the rest of a block goes too. */
static bool wipe(EVP_CIPHER_CTX *context, size_t size)
{
	unsigned char byte[1];

	return EVP_EncryptInit_ex2(context, NULL, zeros, NULL, NULL) &&
	       (size % BLOCK_SIZE == 0 || encrypt(context, byte, sizeof(byte)));
}

/* Other threads may have put back theirs meanwhile. To free one wipes it as well. */
static void put(struct stream *stream, EVP_CIPHER_CTX *context, bool wiped)
{
	EVP_CIPHER_CTX *none = NULL;

	if (!wiped || !atomic_compare_exchange_strong(&stream->spare, &none, context))
		EVP_CIPHER_CTX_free(context);
}

static bool expand(EVP_CIPHER_CTX *context, void *buf, size_t size)
{
	unsigned char key[KEY_SIZE];
	bool done = vmgen_draw_kernel(NULL, key, sizeof(key)) == 0 &&
		    EVP_EncryptInit_ex2(context, NULL, key, NULL, NULL) &&
		    encrypt(context, buf, size);

	explicit_bzero(key, sizeof(key));
	return done;
}

static int draw_large(struct stream *stream, void *buf, size_t size)
{
	EVP_CIPHER_CTX *context;
	bool done = false;

	/* What fails here is no failure of the request. */
	ERR_set_mark();
	context = take(stream);
	if (context) {
		done = expand(context, buf, size);
		put(stream, context, wipe(context, size));
	}
	ERR_pop_to_mark();
	return done ? 0 : vmgen_draw_kernel(NULL, buf, size);
}

void stream_close(struct stream *stream)
{
	if (!is_gone(stream->cipher))
		EVP_CIPHER_CTX_free(atomic_exchange(&stream->spare, NULL));
}

int stream_draw(void *stream, void *buf, size_t size)
{
	return size < LARGE ? vmgen_draw_kernel(NULL, buf, size) : draw_large(stream, buf, size);
}
