// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * A user of the crypto API's generator, as the kernel's makers of keys are:
 * /proc/stdrng gives what it draws, one draw a line.
 */
#include <crypto/rng.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

/* Fit into a page: seq_file would draw again for a larger buffer. */
enum { DRAWS = 100, SIZE = 8 };

static int draw(u8 *bytes)
{
#ifdef HAVE_DEFAULT_RNG
	int err = crypto_get_default_rng();

	if (err)
		return err;
	err = crypto_rng_get_bytes(crypto_default_rng, bytes, SIZE);
	crypto_put_default_rng();
	return err;
#else
	return crypto_stdrng_get_bytes(bytes, SIZE);
#endif
}

static int show(struct seq_file *file, void *unused)
{
	u8 bytes[SIZE];
	int err, i;

	for (i = 0; i < DRAWS; i++) {
		err = draw(bytes);
		if (err)
			return err;
		seq_printf(file, "%*phN\n", SIZE, bytes);
	}
	return 0;
}

static int __init stdrng_init(void)
{
	return proc_create_single("stdrng", 0400, NULL, show) ? 0 : -ENOMEM;
}

static void __exit stdrng_exit(void)
{
	remove_proc_entry("stdrng", NULL);
}

module_init(stdrng_init);
module_exit(stdrng_exit);
MODULE_DESCRIPTION("Draws from the crypto API's generator, for tests");
MODULE_LICENSE("Dual BSD/GPL");
