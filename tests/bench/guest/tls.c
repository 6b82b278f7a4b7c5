/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * tls DIRECTORY SAMPLES MILLISECONDS [nobody]: what the OpenSSL provider in that
 * directory costs, also for a user without privileges: random bytes, and TLS 1.3
 * handshakes of a client with a server whose key is on P-256, both in this process.
 *
 * OpenSSL as it is and with the provider take turns, so that what else the machine
 * does meets both. Prints a line for each: what was done, "without" or "with" and,
 * of each sample, how often in a second.
 */
#include <grp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_SAMPLES = 1000,
	/* Of small requests, between two looks at the clock. */
	AT_ONCE = 64,
	NOBODY = 65534,
};

struct side {
	const char *name;
	OSSL_LIB_CTX *library;
	SSL_CTX *client, *server;
};

static void fail(const char *what)
{
	fprintf(stderr, "tls: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void self_sign(struct side *side)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(side->library, NULL, "EC", "P-256");
	X509 *certificate = X509_new_ex(side->library, NULL);

	if (!key || !certificate || !X509_set_version(certificate, X509_VERSION_3) ||
	    !X509_gmtime_adj(X509_getm_notBefore(certificate), 0) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) ||
	    !X509_set_pubkey(certificate, key) ||
	    !X509_sign(certificate, key, EVP_sha256()) ||
	    SSL_CTX_use_certificate(side->server, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(side->server, key) != 1)
		fail("certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void make_side(struct side *side, const char *directory)
{
	side->library = OSSL_LIB_CTX_new();
	if (!side->library || !OSSL_PROVIDER_load(side->library, "default"))
		fail("library context");
	if (directory &&
	    (!OSSL_PROVIDER_set_default_search_path(side->library, directory) ||
	     !OSSL_PROVIDER_load(side->library, "vmgen") ||
	     !RAND_set_DRBG_type(side->library, NULL, "provider=vmgen", NULL, NULL)))
		fail(directory);
	side->client = SSL_CTX_new_ex(side->library, NULL, TLS_client_method());
	side->server = SSL_CTX_new_ex(side->library, NULL, TLS_server_method());
	if (!side->client || !side->server)
		fail("TLS contexts");
	self_sign(side);
}

static void shake_hands(const struct side *side)
{
	SSL *client = SSL_new(side->client), *server = SSL_new(side->server);
	BIO *near, *far;
	int i;

	if (!client || !server || !BIO_new_bio_pair(&near, 0, &far, 0))
		fail("connection");
	SSL_set_bio(client, near, near);
	SSL_set_bio(server, far, far);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server))
		fail("handshake");
	SSL_free(client);
	SSL_free(server);
}

static unsigned char bytes[65536];

static void draw(const struct side *side, size_t size)
{
	if (RAND_bytes_ex(side->library, bytes, size, 0) != 1)
		fail("random bytes");
}

static void draw_16(const struct side *side)
{
	int i;

	for (i = 0; i < AT_ONCE; i++)
		draw(side, 16);
}

static void draw_8192(const struct side *side)
{
	draw(side, 8192);
}

static void draw_65536(const struct side *side)
{
	draw(side, 65536);
}

static const struct {
	const char *name;
	void (*run)(const struct side *side);
	int times;
} works[] = {
	{ "16", draw_16, AT_ONCE },
	{ "8192", draw_8192, 1 },
	{ "65536", draw_65536, 1 },
	{ "handshake", shake_hands, 1 },
};

enum { N_WORKS = sizeof(works) / sizeof(works[0]) };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How often in a second. */
static double measure(size_t work, const struct side *side, double seconds)
{
	double begin = now(), end;
	long done = 0;

	do {
		works[work].run(side);
		done += works[work].times;
		end = now();
	} while (end - begin < seconds);
	return (double)done / (end - begin);
}

int main(int argc, char **argv)
{
	static double found[N_WORKS][2][MAX_SAMPLES];
	struct side sides[] = { { .name = "without" }, { .name = "with" } };
	int samples = argc > 3 ? atoi(argv[2]) : 0;
	double seconds = argc > 3 ? atof(argv[3]) / 1000 : 0;
	size_t work, side;
	int i;

	if (samples < 1 || samples > MAX_SAMPLES || seconds <= 0 || argc > 5 ||
	    (argc == 5 && strcmp(argv[4], "nobody"))) {
		fprintf(stderr, "usage: tls DIRECTORY SAMPLES MILLISECONDS [nobody]\n");
		return 2;
	}
	if (argc == 5 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
		fail("nobody");
	make_side(&sides[0], NULL);
	make_side(&sides[1], argv[1]);
	for (i = -1; i < samples; i++)		/* the first time warms up */
		for (work = 0; work < N_WORKS; work++)
			for (side = 0; side < 2; side++)
				found[work][side][i < 0 ? 0 : i] =
					measure(work, &sides[side], seconds);
	for (work = 0; work < N_WORKS; work++) {
		for (side = 0; side < 2; side++) {
			printf("%s %s", works[work].name, sides[side].name);
			for (i = 0; i < samples; i++)
				printf(" %.1f", found[work][side][i]);
			printf("\n");
		}
	}
	return 0;
}
