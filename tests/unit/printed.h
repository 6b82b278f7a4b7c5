/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What code under test prints on standard output. Not by another stdout: that of musl
 * cannot be assigned.
 */
#ifndef PRINTED_H
#define PRINTED_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scratch.h"

static int printed_fd = -1, printed_own = -1;

/* Until printed_end(). */
static void printed_begin(void)
{
	fflush(stdout);
	printed_own = dup(STDOUT_FILENO);
	printed_fd = memfd_create("printed", MFD_CLOEXEC);
	if (printed_own < 0 || printed_fd < 0 || dup2(printed_fd, STDOUT_FILENO) < 0)
		scratch_give_up("standard output");
}

static void printed_end(char *ret_text, size_t size)
{
	ssize_t n;

	fflush(stdout);
	n = pread(printed_fd, ret_text, size - 1, 0);
	ret_text[n > 0 ? n : 0] = '\0';
	dup2(printed_own, STDOUT_FILENO);
	close(printed_own);
	close(printed_fd);
}

#endif /* PRINTED_H */
