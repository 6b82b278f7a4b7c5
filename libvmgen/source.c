/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which device is taken, and what all of them have in common.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "source.h"

#define NSEC_PER_SEC	1000000000

/* How often a source that tells nobody is looked at; a look costs a load. */
#define LOOK_NS		(NSEC_PER_SEC / 10)

/* In the order of what they offer. */
static const struct source_ops *const all[] = { &vmgenid_ops, &vmclock_ops, &sysgenid_ops };

#define DEVICES		(VMGEN_VMGENID | VMGEN_VMCLOCK | VMGEN_SYSGENID)
#define FLAGS		(DEVICES | VMGEN_UNPRIVILEGED | VMGEN_REGULAR_FILE)

int source_take_errno(int saved)
{
	int r = -errno;

	errno = saved;
	return r;
}

size_t source_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int source_map(const struct source *s, unsigned int index, void **ret_page)
{
	size_t size = source_page_size();
	void *page = mmap(NULL, size, PROT_READ, MAP_SHARED, s->fd, (off_t)(size * index));

	if (page == MAP_FAILED)
		return -errno;
	*ret_page = page;
	return 0;
}

/* A device may have several nodes. */
static struct node node_of(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return (struct node){ .rdev = st->st_rdev };
	return (struct node){ .dev = st->st_dev, .ino = st->st_ino };
}

static bool is_same(struct node a, struct node b)
{
	return a.dev == b.dev && a.ino == b.ino && a.rdev == b.rdev;
}

int source_check(const struct source *s)
{
	struct vmgen_event event;
	int saved = errno;
	struct stat st;

	if (fstat(s->fd, &st) < 0) {
		errno = saved;
		return -EBADF;
	}
	if (!is_same(node_of(&st), s->node))
		return -EBADF;
	/* Only the device tells its open files apart. */
	return s->cookie ? s->ops->look(s, &event) : 0;
}

/* Before it is opened: to open some devices is to use them. */
static int check_type(const struct stat *st, unsigned int flags)
{
	if (!(flags & VMGEN_REGULAR_FILE))
		return S_ISCHR(st->st_mode) ? 0 : -ENOTTY;
	if (!S_ISREG(st->st_mode))
		return -ENOTTY;
	/* A mapping reaches no further than the file: a load there is a SIGBUS. */
	return (size_t)st->st_size < source_page_size() ? -EPROTO : 0;
}

/* 0 to 2 are where a program reads and prints, also one that has closed them. Takes over fd. */
static int keep_above_standard(int fd)
{
	int other, r;

	if (fd > STDERR_FILENO)
		return fd;
	other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	r = other < 0 ? -errno : other;
	(void)close(fd);
	return r;
}

/* The privileged tier where the node allows it, else the one for everyone. */
static int open_node(struct source *s, const char *path, unsigned int flags)
{
	const int mode = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	int fd, r;

	if (stat(path, &st) < 0)
		return -errno;
	r = check_type(&st, flags);
	if (r < 0)
		return r;
	s->writable = s->ops->wants_write && !(flags & VMGEN_UNPRIVILEGED);
	fd = open(path, (s->writable ? O_RDWR : O_RDONLY) | mode);
	if (fd < 0 && s->writable && (errno == EACCES || errno == EPERM || errno == EROFS)) {
		s->writable = false;
		fd = open(path, O_RDONLY | mode);
	}
	if (fd < 0)
		return -errno;
	fd = keep_above_standard(fd);
	if (fd < 0)
		return fd;
	s->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	s->node = node_of(&st);
	return check_type(&st, flags);
}

static int open_device(const struct source_ops *ops, const char *path, unsigned int flags,
		       struct source *ret_source)
{
	struct source s = { .ops = ops, .fd = -1 };
	int r;

	r = open_node(&s, path ? path : ops->path, flags);
	if (r == 0)
		r = ops->attach(&s);
	if (r < 0) {
		source_close(&s, true);
		return r;
	}
	/* As with a device that keeps this itself, the first read tells of what is. */
	atomic_store(&s.told, ~source_generation(&s));
	*ret_source = s;
	return 0;
}

/* Of several failures, the first that says more than that there is no such device. */
static bool says_more(int r)
{
	return r != -ENOENT && r != -ENXIO && r != -ENODEV && r != -ENOTTY;
}

int source_open(const char *path, unsigned int flags, struct source *ret_source)
{
	unsigned int devices = flags & DEVICES ? flags & DEVICES : DEVICES;
	int failure = 0;
	size_t i;
	int r;

	if (flags & ~FLAGS)
		return -EINVAL;
	/* Nothing in a file says what it stands for. */
	if ((flags & VMGEN_REGULAR_FILE) &&
	    (!path || (devices != VMGEN_VMCLOCK && devices != VMGEN_SYSGENID)))
		return -EINVAL;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!(all[i]->device & devices))
			continue;
		r = open_device(all[i], path, flags, ret_source);
		if (r == 0)
			return 0;
		if (!failure || (says_more(r) && !says_more(failure)))
			failure = r;
	}
	return failure;
}

void source_close(struct source *s, bool sure)
{
	if (s->raw_page)
		(void)munmap(s->raw_page, source_page_size());
	if (s->page)
		(void)munmap(s->page, source_page_size());
	/* Another file may have got the number since. */
	if (s->fd >= 0 && (sure || source_check(s) == 0))
		(void)close(s->fd);
	*s = (struct source){ .fd = -1 };
}

int source_rebind(struct source *s, const char *path, unsigned int flags)
{
	struct source fresh = { .ops = s->ops, .fd = -1 };
	int saved = errno;
	int r;

	if (!s->ops->rebind)
		return -EOPNOTSUPP;
	r = open_node(&fresh, path ? path : s->ops->path, flags);
	if (r == 0 && !is_same(fresh.node, s->node))
		r = -ESTALE;
	if (r == 0)
		r = s->ops->rebind(s, fresh.fd);
	if (r < 0)
		source_close(&fresh, true);
	errno = saved;
	return r;
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static int rest(int64_t ns)
{
	struct timespec time = { .tv_nsec = (long)ns };
	int saved = errno;

	return nanosleep(&time, NULL) < 0 ? source_take_errno(saved) : 0;
}

int source_wait(const struct source *s, uint64_t known, int64_t timeout_ns,
		struct vmgen_event *ret_event)
{
	int64_t start = now_ns();
	struct vmgen_event event;
	int64_t left = LOOK_NS;
	int r;

	for (;;) {
		r = s->ops->look(s, &event);
		if (r < 0)
			return r;
		if (!known || event.generation != known) {
			*ret_event = event;
			return 0;
		}
		if (timeout_ns >= 0)
			left = timeout_ns - (now_ns() - start);
		if (left <= 0)
			return -ETIMEDOUT;
		r = rest(left < LOOK_NS ? left : LOOK_NS);
		if (r < 0)
			return r;
	}
}

int source_read(struct source *s, struct vmgen_event *ret_event)
{
	struct vmgen_event event;
	int r = s->ops->look(s, &event);

	if (r < 0)
		return r;
	if (atomic_exchange(&s->told, event.generation) == event.generation)
		return -EAGAIN;
	*ret_event = event;
	return 0;
}
