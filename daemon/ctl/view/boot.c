/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is known of a boot that brought a new ID, in words.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "boot.h"

void print_boot(const struct record *run, const char *margin)
{
	/* Other events have none. */
	if (!*run->shutdown)
		return;
	text_print(stdout, "%sthe shutdown before: %s%s%s\n", margin, run->shutdown,
		   *run->counter ? "; the mark outside the disk: " : "", run->counter);
	if (run->skipped)
		text_print(stdout, "%staken for an ordinary boot, so only the reseed and hooks below 20 answered it (boot-change in vmgend.conf)\n",
			   margin);
}
