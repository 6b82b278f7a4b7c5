/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Whether a process's program has an OpenSSL or a BoringSSL of its own in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

enum {
	CHUNK_SIZE = 1 << 18,
	TRACE_SIZE = 32,
};

/* Of all programs together. */
static const uint64_t max_bytes = UINT64_C(1) << 30;

enum { OPENSSL = 1 << 0, BORINGSSL = 1 << 1, SYSGENID = 1 << 2 };

/*
 * A name of a source file that OpenSSL 1.1 and 3 put into their messages, what BoringSSL
 * calls every function in its, and what AWS-LC, which was made of that, has beside it. They
 * are put together here, or this program would have them as well.
 */
static const struct trace {
	unsigned int bit;
	const char *begin, *end;
} traces[] = {
	{ OPENSSL, "crypto/rand", "/rand_lib.c" },
	{ BORINGSSL, ":OPENSSL_", "internal:" },
	{ SYSGENID, "/dev/", "sysgenid" },
};

enum { N_TRACES = sizeof(traces) / sizeof(traces[0]) };

/* Returns bits. */
static unsigned int search_chunk(const char *data, size_t size)
{
	unsigned int found = 0;
	char text[TRACE_SIZE];
	size_t i;

	for (i = 0; i < N_TRACES; i++) {
		snprintf(text, sizeof(text), "%s%s", traces[i].begin, traces[i].end);
		if (memmem(data, size, text, strlen(text)))
			found |= traces[i].bit;
	}
	return found;
}

static enum program program_of(unsigned int found)
{
	if (found & OPENSSL)
		return PROGRAM_OPENSSL;
	if (found & BORINGSSL)
		return found & SYSGENID ? PROGRAM_AWSLC : PROGRAM_BORINGSSL;
	return PROGRAM_WITHOUT;
}

/* What comes behind that tells nothing more. */
static bool is_told(unsigned int found)
{
	return program_of(found) == PROGRAM_OPENSSL || program_of(found) == PROGRAM_AWSLC;
}

static bool is_over(int64_t deadline_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec >= deadline_ns;
}

/*
 * Searches the data that begins at *offset, up to the next hole or the end, and adds to
 * the bits. Returns false if it could not be read.
 */
static bool search_extent(struct programs *programs, int fd, off_t *offset, off_t end,
			  int64_t deadline_ns, unsigned int *found)
{
	static char data[TRACE_SIZE + CHUNK_SIZE];
	size_t kept = 0;
	ssize_t n;

	while (*offset < end && !is_told(*found)) {
		if (programs->bytes >= max_bytes || is_over(deadline_ns))
			return false;
		n = pread(fd, data + kept, end - *offset < CHUNK_SIZE ? end - *offset : CHUNK_SIZE,
			  *offset);
		if (n < 0)
			return false;
		if (!n)
			break;
		programs->steps++;
		programs->bytes += n;
		*offset += n;
		*found |= search_chunk(data, kept + n);
		/* It may lie across two chunks. */
		n += kept;
		kept = n < TRACE_SIZE - 1 ? n : TRACE_SIZE - 1;
		memmove(data, data + n - kept, kept);
	}
	return true;
}

/* Holes are not read: they may be terabytes. */
static enum program search(struct programs *programs, int fd, int64_t deadline_ns)
{
	unsigned int found = 0;
	off_t offset = 0, end, before;

	while (!is_told(found)) {
		before = offset;
		offset = lseek(fd, offset, SEEK_DATA);
		/* Nothing but a hole up to the end. */
		if (offset < 0)
			return errno == ENXIO ? program_of(found) : PROGRAM_UNKNOWN;
		end = lseek(fd, offset, SEEK_HOLE);
		if (end < 0)
			return errno == ENXIO ? program_of(found) : PROGRAM_UNKNOWN;
		programs->steps++;
		/* Or it shrinks under our hands. */
		if (!search_extent(programs, fd, &offset, end, deadline_ns, &found) ||
		    (!is_told(found) && offset <= before))
			return PROGRAM_UNKNOWN;
	}
	return program_of(found);
}

/* path_fd: O_PATH, so that each file is opened once only. */
static enum program look_into(struct programs *programs, int path_fd, int64_t deadline_ns)
{
	enum program found = PROGRAM_UNKNOWN;
	char path[64];
	struct stat st;
	size_t i;
	int fd;

	if (fstat(path_fd, &st) || !S_ISREG(st.st_mode))
		return PROGRAM_UNKNOWN;
	for (i = 0; i < programs->n_files; i++)
		if (programs->files[i].dev == st.st_dev && programs->files[i].ino == st.st_ino)
			return programs->files[i].found;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		found = search(programs, fd, deadline_ns);
		close(fd);
	}
	if (programs->n_files < PROGRAM_MAX_FILES) {
		programs->files[programs->n_files].dev = st.st_dev;
		programs->files[programs->n_files].ino = st.st_ino;
		programs->files[programs->n_files++].found = found;
	}
	return found;
}

enum program program_look(struct programs *programs, const struct mounts *own, int proc_fd,
			  int64_t deadline_ns)
{
	int fd = openat(proc_fd, "exe", O_PATH | O_CLOEXEC);
	enum program found;

	if (fd < 0)
		/* It has ended, or has none. */
		return errno == ENOENT || errno == ESRCH ? PROGRAM_WITHOUT : PROGRAM_UNKNOWN;
	found = mounts_trusted(own, proc_fd, fd) ? look_into(programs, fd, deadline_ns) :
		PROGRAM_STRANGE;
	close(fd);
	return found;
}
