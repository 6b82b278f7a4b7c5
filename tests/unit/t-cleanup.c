/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Programs that free their generators, or go on to draw, when OpenSSL has cleaned up
 * already, as what they have registered by atexit(3) before its first use does: with the
 * provider they end as they do without.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "loaded.h"

/* Of a child that waits for ever. */
enum { LIMIT_SEC = 60 };

static const char with[] =
	"openssl_conf = start\n[start]\nproviders = list\nrandom = choice\n[list]\ndefault = on\nvmgen = on\n"
	"[on]\nactivate = 1\n[choice]\nproperties = ?provider=vmgen\n";
static const char without[] =
	"openssl_conf = start\n[start]\nproviders = list\n[list]\ndefault = on\n[on]\nactivate = 1\n";

/* What the program has, and whether it draws at last. */
static struct {
	EVP_RAND *method;
	EVP_RAND_CTX *rand;
	bool draws;
} had;

static unsigned char bytes[1000];

static void finish(void)
{
	if (had.draws && !EVP_RAND_generate(had.rand, bytes, sizeof(bytes), 0, 0, NULL, 0))
		_exit(2);
	EVP_RAND_CTX_free(had.rand);
	EVP_RAND_free(had.method);
}

static void load_by(const char *text)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	scratch_write("openssl.cnf", text, 0600);
	if (!OSSL_PROVIDER_add_builtin(NULL, "vmgen", OSSL_provider_init) ||
	    !OSSL_LIB_CTX_load_config(NULL, scratch_path("openssl.cnf")))
		_exit(3);
}

/* A generator of this name; that of the program is its parent. */
static void use(const char *name, bool draws)
{
	OSSL_PARAM digest[] = {
		OSSL_PARAM_utf8_string(OSSL_DRBG_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_END
	};

	had.method = EVP_RAND_fetch(NULL, name, NULL);
	had.rand = EVP_RAND_CTX_new(had.method, RAND_get0_primary(NULL));
	had.draws = draws;
	if (!EVP_RAND_instantiate(had.rand, 0, 0, NULL, 0, digest) ||
	    !EVP_RAND_generate(had.rand, bytes, sizeof(bytes), 0, 0, NULL, 0) ||
	    RAND_bytes(bytes, sizeof(bytes)) != 1)
		_exit(4);
}

/* Returns the status of a program that does that. */
static int end_of(const char *text, const char *name, bool draws)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(LIMIT_SEC);
		if (atexit(finish))
			_exit(5);
		load_by(text);
		use(name, draws);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		scratch_give_up("fork");
	return status;
}

int main(void)
{
	scratch_create();
	equal(end_of(without, "HASH-DRBG", false), 0, "a generator of OpenSSL's, freed late");
	equal(end_of(with, "HASH-DRBG", false), 0, "the same, whose parent is the provider's");
	equal(end_of(with, "HASH-DRBG", true), 0, "and which draws late");
	equal(end_of(with, "VMGEN", false), 0, "a generator of the provider's, freed late");
	equal(end_of(with, "VMGEN", true), 0, "and which draws late");
	kernel_has_vmgenid();
	equal(end_of(with, "HASH-DRBG", true), 0, "with a device, whose parent is the provider's");
	equal(end_of(with, "VMGEN", true), 0, "and one of the provider's");
	return tap_done();
}
