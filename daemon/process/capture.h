/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Asks a program, which is ended if it does not answer in time.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stddef.h>

/*
 * Runs a program, with nothing of the caller's open, until it has ended and nobody
 * else can print for it. argv[0] is looked for as by execvp(3), but is never
 * given to a shell. output: what it prints, as text, of size bytes at most; also
 * set where it fails. NULL: thrown away.
 *
 * Returns its exit status; 127: it cannot be executed; -ETIMEDOUT; -EFBIG: it
 * prints more; -EIO: a signal ended it; -errno.
 */
int capture_output(const char *const argv[], char *const envp[], int timeout_ms,
		   char *output, size_t size);

#endif /* CAPTURE_H */
