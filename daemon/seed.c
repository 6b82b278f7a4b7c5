/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The seed file of the next boot. It is written in place, because the old bytes
 * are what must not be used again, and because systemd notes in an attribute of
 * the file whether they may be credited. The service itself could be asked to
 * do it, but not while the system starts, for which it may be waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seed.h"

/* What systemd-random-seed(8) writes at the least; the kernel uses 32 of them. */
enum { SEED_SIZE = 512 };

static int write_seed(int fd)
{
	char seed[SEED_SIZE];
	ssize_t n;
	int r = 0;

	/* Half a seed would be bad only if the file were empty before. */
	n = getrandom(seed, sizeof(seed), GRND_NONBLOCK);
	if (n == sizeof(seed))
		n = pwrite(fd, seed, sizeof(seed), 0);
	if (n < 0)
		r = -errno;
	else if (n != sizeof(seed))
		r = -EIO;
	explicit_bzero(seed, sizeof(seed));
	if (!r && fsync(fd))
		r = -errno;
	return r;
}

int seed_refresh(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		r = -EPERM;
	else
		r = write_seed(fd);
	close(fd);
	return r;
}
