/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/sysgenid of a kernel that carries the SysGenID patches; the contract is
 * in <vmgen/sysgenid.h>. What that leaves open is not relied upon: when the
 * kernel's generator is reseeded, and whether a call looks at the hypervisor.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>

#include "source.h"

enum {
	/* The generation may move between a read and its confirmation; not for ever. */
	CONFIRM_TRIES = 16,
};

/* Has no effect on a descriptor that is not tracked; only SysGenID knows it. */
static int check_device(const struct source *s)
{
	if (ioctl(s->fd, SYSGENID_SET_WATCHER_TRACKING, 0) < 0 && errno != EACCES)
		return errno == EINVAL ? -ENOTTY : -errno;
	return 0;
}

static int attach(struct source *s)
{
	struct stat st;
	int r;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return -EOPNOTSUPP;
	if (fstat(s->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		r = check_device(s);
		if (r < 0)
			return r;
		/* Anyone who cannot confirm a change has a descriptor that stays readable. */
		if (s->writable)
			s->can |= VMGEN_INFO_EVENTS;
	}
	r = source_map(s, 0, &s->page);
	if (r < 0)
		return r;
	s->counter = s->page;
	s->mask = UINT32_MAX;
	/* It starts at 0, which is no generation. */
	s->bias = 1;
	return 0;
}

static int look(const struct source *s, struct vmgen_event *ret_event)
{
	*ret_event = (struct vmgen_event){ .generation = source_generation(s) };
	return 0;
}

static int confirm(const struct source *s)
{
	uint32_t value;
	ssize_t n;
	int tries;

	for (tries = 0; tries < CONFIRM_TRIES; tries++) {
		n = read(s->fd, &value, sizeof(value));
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n != sizeof(value))
			return -EPROTO;
		if (write(s->fd, &value, sizeof(value)) == sizeof(value))
			return 0;
		/* It has moved on. */
		if (errno != EINVAL)
			return -errno;
	}
	return -EAGAIN;
}

static int read_change(struct source *s, struct vmgen_event *ret_event)
{
	int saved = errno;
	int r;

	if (s->can & VMGEN_INFO_EVENTS) {
		r = source_check(s);
		if (r < 0)
			return r;
		r = confirm(s);
		errno = saved;
		if (r < 0)
			return r;
	}
	return source_read(s, ret_event);
}

static int fill_info(const struct source *s, struct vmgen_info *info)
{
	info->generation = source_generation(s);
	return 0;
}

const struct source_ops sysgenid_ops = {
	.device = VMGEN_SYSGENID,
	/* Not as AWS-LC has it: vmgend zeroes no fork sentinel where that is, and we may be as well. */
	.path = "/dev/./sysgenid",
	.wants_write = true,
	.attach = attach,
	.look = look,
	.wait = source_wait,
	.read = read_change,
	.info = fill_info,
};
