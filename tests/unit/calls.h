/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The system calls of a test program, which the linker leads through here
 * (--wrap, see the Makefile): they can fail on demand, and a path under /dev can
 * be a device that the test plays. What nobody asked for goes on to the kernel.
 */
#ifndef CALLS_H
#define CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"

enum call {
	CALL_CALLOC,
	CALL_STAT,
	CALL_OPEN,
	CALL_FSTAT,
	CALL_MMAP,
	CALL_IOCTL,
	CALL_READ,
	CALL_PREAD,
	CALL_WRITE,
	CALL_CLOSE,
	CALL_FCNTL,
	CALL_GETRANDOM,
	CALL_NANOSLEEP,
	CALL_FUTEX,
	CALLS,
};

/* What each fails with in the world: as the kernel says, or as seccomp filters do. */
enum { CALLS_ERRNOS = 4 };
static const int calls_errnos[CALLS][CALLS_ERRNOS] = {
	[CALL_CALLOC] = { ENOMEM, ENOMEM, ENOMEM, ENOMEM },
	[CALL_STAT] = { ENOENT, EACCES, ENOMEM, EPERM },
	[CALL_OPEN] = { EMFILE, EACCES, ENXIO, EPERM },
	[CALL_FSTAT] = { EBADF, ENOMEM, ENOSYS, EPERM },
	[CALL_MMAP] = { ENOMEM, EAGAIN, ENODEV, EPERM },
	[CALL_IOCTL] = { EINTR, ENOTTY, EINVAL, EPERM },
	[CALL_READ] = { EINTR, EAGAIN, EIO, EPERM },
	[CALL_PREAD] = { EINTR, ETIMEDOUT, EIO, EPERM },
	[CALL_WRITE] = { EINVAL, ENOBUFS, EIO, EPERM },
	[CALL_CLOSE] = { EINTR, EIO, EBADF, EPERM },
	[CALL_FCNTL] = { EMFILE, EINVAL, ENOSYS, EPERM },
	[CALL_GETRANDOM] = { EINTR, ENOSYS, EAGAIN, EPERM },
	[CALL_NANOSLEEP] = { EINTR, EINVAL, ENOSYS, EPERM },
	[CALL_FUTEX] = { EINTR, EAGAIN, ENOSYS, EPERM },
};

/* A device: its memory is a file, and so is what a program gets when it opens it. */
struct node {
	const char *path;
	int file;
	unsigned char *bytes;
	size_t size;
	/* What open() fails with, and for writing: the right is a file's, or a capability. */
	int unopenable, unwritable;
	/* Where an open file has a state of its own. */
	void (*opened)(int fd);
	/* These return a negative errno value where they fail. */
	int (*ioctl)(int fd, unsigned long request, void *argument, bool writable);
	ssize_t (*read)(int fd, void *buf, size_t size);
	ssize_t (*write)(const void *buf, size_t size);
};

static struct {
	/* The device that is there; NULL: none. */
	const struct node *node;
	/* The call that fails, counted from 1; 0: none; and which of its errnos. */
	unsigned int fail_at;
	unsigned int variant;
	/* Or all of a kind do, with this errno; 0: none. */
	enum call fail_kind;
	int fail_with;
	/* Which one that was; CALLS: none so far. */
	enum call failed;
	unsigned int seen;
	/* The device was replaced by so many others. */
	unsigned int replaced;
	_Atomic unsigned int made[CALLS];
	/* Called after each getrandom(). */
	void (*after_draw)(void *buf, size_t size);
} calls;

static inline bool calls_fails(enum call call)
{
	atomic_fetch_add(&calls.made[call], 1);
	if (calls.fail_with && call == calls.fail_kind) {
		errno = calls.fail_with;
		return true;
	}
	if (!calls.fail_at || ++calls.seen != calls.fail_at)
		return false;
	calls.failed = call;
	errno = calls_errnos[call][calls.variant];
	return true;
}

static inline int calls_result(ssize_t r)
{
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : (int)r;
}

#define WRAP(type, name, ...)					\
	extern type __real_##name(__VA_ARGS__);			\
	extern type __wrap_##name(__VA_ARGS__);			\
	type __wrap_##name(__VA_ARGS__)

/* What stat() and fstat() are in the object, with a version before them in an old C library. */
#ifdef _STAT_VER
WRAP(int, __xstat, int version, const char *path, struct stat *st);
WRAP(int, __fxstat, int version, int fd, struct stat *st);
#define REAL_STAT(path, st)	__real___xstat(_STAT_VER, path, st)
#define REAL_FSTAT(fd, st)	__real___fxstat(_STAT_VER, fd, st)
#else
WRAP(int, stat, const char *path, struct stat *st);
WRAP(int, fstat, int fd, struct stat *st);
#define REAL_STAT(path, st)	__real_stat(path, st)
#define REAL_FSTAT(fd, st)	__real_fstat(fd, st)
#endif
WRAP(int, open, const char *path, int flags, ...);
WRAP(int, fcntl, int fd, int command, ...);

static inline bool calls_is_node(int fd)
{
	struct stat st, node;

	return calls.node && !REAL_FSTAT(fd, &st) && !REAL_FSTAT(calls.node->file, &node) &&
	       st.st_dev == node.st_dev && st.st_ino == node.st_ino;
}

static inline void calls_make_node(struct stat *st)
{
	st->st_mode = S_IFCHR | 0644;
	st->st_rdev = makedev(10, 99 + calls.replaced);
}

WRAP(void *, calloc, size_t count, size_t size)
{
	return calls_fails(CALL_CALLOC) ? NULL : __real_calloc(count, size);
}

static inline int calls_stat(const char *path, struct stat *st)
{
	int r;

	if (calls_fails(CALL_STAT))
		return -1;
	if (!calls.node || strcmp(path, calls.node->path))
		return REAL_STAT(path, st);
	r = REAL_FSTAT(calls.node->file, st);
	calls_make_node(st);
	return r;
}

static inline int calls_fstat(int fd, struct stat *st)
{
	int r;

	if (calls_fails(CALL_FSTAT))
		return -1;
	r = REAL_FSTAT(fd, st);
	if (r == 0 && calls_is_node(fd))
		calls_make_node(st);
	return r;
}

#ifdef _STAT_VER
int __wrap___xstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return calls_stat(path, st);
}

int __wrap___fxstat(int version, int fd, struct stat *st)
{
	(void)version;
	return calls_fstat(fd, st);
}
#else
int __wrap_stat(const char *path, struct stat *st)
{
	return calls_stat(path, st);
}

int __wrap_fstat(int fd, struct stat *st)
{
	return calls_fstat(fd, st);
}
#endif

int __wrap_open(const char *path, int flags, ...)
{
	char file[32];
	va_list args;
	mode_t mode;
	int fd;

	if (calls_fails(CALL_OPEN))
		return -1;
	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (!calls.node || strcmp(path, calls.node->path))
		return __real_open(path, flags, mode);
	if (calls.node->unopenable)
		return calls_result(calls.node->unopenable);
	if (calls.node->unwritable && (flags & O_ACCMODE) != O_RDONLY)
		return calls_result(calls.node->unwritable);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", calls.node->file);
	fd = __real_open(file, flags);
	if (fd >= 0 && calls.node->opened)
		calls.node->opened(fd);
	return fd;
}

static inline bool calls_is_writable(int fd)
{
	return (__real_fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

WRAP(void *, mmap, void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && calls_fails(CALL_MMAP))
		return MAP_FAILED;
	/* The second page is the privileged tier's. */
	if (fd >= 0 && offset && calls_is_node(fd) && !calls_is_writable(fd)) {
		errno = EACCES;
		return MAP_FAILED;
	}
	return __real_mmap(address, size, protection, flags, fd, offset);
}

WRAP(int, ioctl, int fd, ioctl_request number, ...)
{
	unsigned int request = number;
	void *argument;
	va_list args;

	if (calls_fails(CALL_IOCTL))
		return -1;
	va_start(args, number);
	argument = va_arg(args, void *);
	va_end(args);
	if (!calls_is_node(fd))
		return __real_ioctl(fd, request, argument);
	return calls_result(calls.node->ioctl ? calls.node->ioctl(fd, request, argument,
								   calls_is_writable(fd)) :
						-ENOTTY);
}

WRAP(ssize_t, read, int fd, void *buf, size_t size)
{
	if (calls_fails(CALL_READ))
		return -1;
	if (calls_is_node(fd) && calls.node->read)
		return calls_result(calls.node->read(fd, buf, size));
	return __real_read(fd, buf, size);
}

WRAP(ssize_t, pread, int fd, void *buf, size_t size, off_t offset)
{
	return calls_fails(CALL_PREAD) ? -1 : __real_pread(fd, buf, size, offset);
}

WRAP(ssize_t, write, int fd, const void *buf, size_t size)
{
	if (calls_fails(CALL_WRITE))
		return -1;
	if (calls_is_node(fd) && calls.node->write)
		return calls_result(calls.node->write(buf, size));
	return __real_write(fd, buf, size);
}

/* Linux closes a descriptor also where it says that this failed. */
WRAP(int, close, int fd)
{
	int r = __real_close(fd);

	return calls_fails(CALL_CLOSE) ? -1 : r;
}

/* The library has descriptors copied; all else that goes through here is a test's own. */
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	int argument, copy;

	va_start(args, command);
	argument = va_arg(args, int);
	va_end(args);
	if (command != F_DUPFD_CLOEXEC)
		return __real_fcntl(fd, command, argument);
	if (calls_fails(CALL_FCNTL))
		return -1;
	copy = __real_fcntl(fd, command, argument);
	if (copy >= 0 && calls_is_node(copy) && calls.node->opened)
		calls.node->opened(copy);
	return copy;
}

WRAP(ssize_t, getrandom, void *buf, size_t size, unsigned int flags)
{
	ssize_t n;

	if (calls_fails(CALL_GETRANDOM))
		return -1;
	n = __real_getrandom(buf, size, flags);
	if (calls.after_draw)
		calls.after_draw(buf, size);
	return n;
}

WRAP(int, nanosleep, const struct timespec *time, struct timespec *left)
{
	return calls_fails(CALL_NANOSLEEP) ? -1 : __real_nanosleep(time, left);
}

/* The library calls futex(2) so, with four arguments, and nothing else. */
WRAP(long, syscall, long number, ...)
{
	uint32_t value, last;
	va_list args;
	void *word;
	int operation;

	/* A test's own, see compat.h. */
	if (number == SYS_close_range) {
		va_start(args, number);
		value = va_arg(args, uint32_t);
		last = va_arg(args, uint32_t);
		operation = va_arg(args, int);
		va_end(args);
		return __real_syscall(number, value, last, operation);
	}
	if (number != SYS_futex) {
		errno = ENOSYS;
		return -1;
	}
	if (calls_fails(CALL_FUTEX))
		return -1;
	va_start(args, number);
	word = va_arg(args, void *);
	operation = va_arg(args, int);
	value = va_arg(args, uint32_t);
	va_end(args);
	return __real_syscall(number, word, operation, value, NULL);
}

#endif /* CALLS_H */
