/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The seed file of the next boot. It is written in place, because the old bytes
 * are what must not be used again, and because systemd notes in an attribute of
 * the file whether they may be credited. The service itself could be asked to
 * do it, but not while the system starts, for which it may be waiting.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/trust.h"
#include "seed.h"

enum {
	/* What the kernel uses of it. */
	SEED_LEAST = 32,
	/* What systemd-random-seed(8) writes. */
	SEED_MOST = 512,
};

static int write_seed(int fd, size_t size)
{
	char seed[SEED_MOST];
	ssize_t n;
	int r = 0;

	n = getrandom(seed, size, GRND_NONBLOCK);
	if (n == (ssize_t)size)
		n = pwrite(fd, seed, size, 0);
	if (n < 0)
		r = -errno;
	else if (n != (ssize_t)size)
		r = -EIO;
	explicit_bzero(seed, sizeof(seed));
	if (!r && fsync(fd))
		r = -errno;
	return r;
}

/* 32 random bytes are all text once in 10^13 times; keys and settings are text. */
static bool is_text(int fd, size_t size)
{
	unsigned char old[SEED_MOST];
	ssize_t i, n = pread(fd, old, size, 0);

	for (i = 0; i < n; i++)
		if (!isprint(old[i]) && !isspace(old[i]))
			break;
	explicit_bzero(old, sizeof(old));
	return i == n;
}

/* What is overwritten must be a seed, also if the configuration names another file. */
static int check(int fd, const struct stat *st, const char *path, char *ret_reason)
{
	if ((st->st_mode & 07777) != 0600) {
		snprintf(ret_reason, SEED_REASON_SIZE,
			 "%s has the mode %04o, and a secret has 0600 (chmod 0600 %s)", path,
			 st->st_mode & 07777, path);
		return -EPERM;
	}
	if (!st->st_size)
		return -ENOENT;
	if (st->st_size >= SEED_LEAST && st->st_size <= SEED_MOST && st->st_nlink == 1 &&
	    !is_text(fd, st->st_size))
		return 0;
	snprintf(ret_reason, SEED_REASON_SIZE,
		 "%s is no seed, which is %d to %d random bytes with one name, so it is left as it is (seed-file in vmgend.conf; if it is right, remove the file, and the system makes another)",
		 path, SEED_LEAST, SEED_MOST);
	return -EINVAL;
}

int seed_refresh(const char *path, char ret_reason[SEED_REASON_SIZE])
{
	struct stat st;
	int fd, r;

	r = trust_open(path, O_RDWR, &fd, ret_reason, SEED_REASON_SIZE);
	if (r)
		return r;
	snprintf(ret_reason, SEED_REASON_SIZE, "%s cannot be examined", path);
	r = fstat(fd, &st) ? -errno : check(fd, &st, path, ret_reason);
	if (!r) {
		r = write_seed(fd, st.st_size);
		snprintf(ret_reason, SEED_REASON_SIZE, "%s: %s", path, file_strerror(r));
	}
	close(fd);
	return r;
}
