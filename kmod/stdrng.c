// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * The crypto API has a generator of its own ("stdrng"). The kernel takes keys
 * of ECDH and salts of IVs from it, and kernels of distributions let programs
 * read it in FIPS mode. By itself it takes a new seed once in minutes or in a
 * million requests, so after a change it has to be given one at once.
 *
 * Since Linux 7.1 it is out of reach, and in use in FIPS mode only.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/string.h>
#include "vmgenc.h"

#ifdef COMPAT_HAVE_CRYPTO_GET_DEFAULT_RNG
#include <crypto/rng.h>

/* Bytes; what a DRBG of the strength of 256 bits takes. */
enum { SEED_SIZE = 32 };

struct stdrng {
	struct crypto_rng **rng;
	int (*get)(void);
	void (*put)(void);
	int (*reset)(struct crypto_rng *rng, const u8 *seed, unsigned int size);
};

/*
 * A DRBG, which takes no seed from outside, would ask the jitter of the CPU for
 * one when it is reset, for tens of milliseconds, and everyone would be told so
 * much later. It takes in additional input with a draw, in a thousandth of that
 * (NIST SP 800-90A, 9.3).
 */
static int renew(const struct stdrng *s, struct crypto_rng *rng)
{
	u8 seed[SEED_SIZE], unused[8];
	int err;

	if (crypto_rng_seedsize(rng))
		return s->reset(rng, NULL, crypto_rng_seedsize(rng));
	get_random_bytes(seed, sizeof(seed));
	err = crypto_rng_alg(rng)->generate(rng, seed, sizeof(seed), unused,
					    sizeof(unused));
	memzero_explicit(seed, sizeof(seed));
	memzero_explicit(unused, sizeof(unused));
	return err;
}

/*
 * Only the one in use: one that is made later is seeded by what has been
 * reseeded by then. Making one here could load modules, for which programs run.
 * Who was making it when the snapshot was taken is missed; that is done once.
 */
static int renew_current(const struct stdrng *s)
{
	int err;

	if (!s->rng || !s->get || !s->put || !s->reset || !READ_ONCE(*s->rng))
		return 0;
	err = s->get();
	if (err)
		return err;
	err = renew(s, *s->rng);
	s->put();
	return err;
}

/*
 * To be called after the reseed, from which the new seed comes. Takes as long
 * as some draws do; nobody holds its locks for longer than one that reseeds.
 *
 * By name, because a reference would load rng.ko where that is a module that
 * nobody needs.
 */
void vmgenc_stdrng_renew(void)
{
	const struct stdrng s = {
		.rng = symbol_get(crypto_default_rng),
		.get = symbol_get(crypto_get_default_rng),
		.put = symbol_get(crypto_put_default_rng),
		.reset = symbol_get(crypto_rng_reset),
	};
	int err = renew_current(&s);

	if (err)
		pr_warn_ratelimited("the crypto API's generator could not be reseeded (error %d): keys that the kernel makes may be those of another clone, so restart what has it make some (IPsec, Bluetooth), or reboot\n",
				    err);
	if (s.reset)
		symbol_put(crypto_rng_reset);
	if (s.put)
		symbol_put(crypto_put_default_rng);
	if (s.get)
		symbol_put(crypto_get_default_rng);
	if (s.rng)
		symbol_put(crypto_default_rng);
}
#else
void vmgenc_stdrng_renew(void)
{
}
#endif
