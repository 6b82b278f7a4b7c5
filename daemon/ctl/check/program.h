/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whether a process's program has an OpenSSL or a BoringSSL of its own in it, found by looking into
 * the file, which may be a stranger's: bounded, never mapped, and only where nobody
 * has to be waited for.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdint.h>
#include <sys/types.h>

#include "mounts.h"

enum program {
	PROGRAM_WITHOUT,
	PROGRAM_OPENSSL,
	PROGRAM_BORINGSSL,
	/* Which differs in that it knows /dev/sysgenid. */
	PROGRAM_AWSLC,
	/* Its file system may have to be waited for. */
	PROGRAM_STRANGE,
	/* There was too much of it, or it could not be read. */
	PROGRAM_UNKNOWN,
};

enum { PROGRAM_MAX_FILES = 256 };

/* What the looks at several programs have in common. All zero to begin with. */
struct programs {
	/* Those that have been looked into. */
	struct {
		dev_t dev;
		ino_t ino;
		enum program found;
	} files[PROGRAM_MAX_FILES];
	size_t n_files;
	/* How much was read. */
	uint64_t bytes;
	/* Grows with each step, so that others see that there are some. */
	uint64_t steps;
};

/*
 * own: mounts that this program sees. proc_fd: directory of the process in /proc.
 * deadline_ns: of the monotonic clock.
 */
enum program program_look(struct programs *programs, const struct mounts *own, int proc_fd,
			  int64_t deadline_ns);

#endif /* PROGRAM_H */
