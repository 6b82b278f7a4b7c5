/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/vmgenid of the module vmgenc; the contract is in <vmgen/vmgenid.h>.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "source.h"

static struct vmgen_event event_of(const struct vmgenid_record *record)
{
	return (struct vmgen_event){
		.generation = record->generation,
		.changed_boottime_ns = record->changed_boottime_ns,
		.source = record->source,
		.flags = record->flags & (VMGENID_RNG_STALE | VMGENID_NO_ID | VMGENID_RNG_OTHER),
	};
}

static int get_info(int fd, struct vmgenid_info *ret_info)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	int saved = errno;
	int r;

	do
		r = ioctl(fd, VMGENID_INFO, &info);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return source_take_errno(saved);
	*ret_info = info;
	return 0;
}

/* Of a descriptor that was just opened. */
static int get_first_info(int fd, struct vmgenid_info *ret_info)
{
	int r = get_info(fd, ret_info);

	/* A node of the same name with another ABI was proposed for Linux. */
	if (r == -EINVAL)
		return -ENOTTY;
	/* 0 would stand for any file. */
	return r == 0 && !ret_info->cookie ? -EPROTO : r;
}

/* Of a descriptor whose number may be another file's by now. */
static int get_own_info(const struct source *s, struct vmgenid_info *ret_info)
{
	struct vmgenid_info info;
	int fd, r;

	do {
		fd = s->fd;
		r = get_info(fd, &info);
		if (r == -ENOTTY || (r == 0 && info.cookie != s->cookie))
			r = -EBADF;
	} while (r == -EBADF && fd != s->fd);
	if (r == 0)
		*ret_info = info;
	return r;
}

/* Without the raw page the handle works as it does for everybody. */
static void map_raw(struct source *s, const struct vmgenid_info *info)
{
	if (!(info->flags & VMGENID_INFO_RAW_PAGE))
		return;
	if (info->id_offset % sizeof(uint64_t) ||
	    info->id_offset > source_page_size() - VMGEN_ID_SIZE)
		return;
	if (source_map(s, 1, &s->raw_page) < 0)
		return;
	s->raw = (const void *)((const char *)s->raw_page + info->id_offset);
	s->can |= VMGEN_INFO_RAW;
}

static int attach(struct source *s)
{
	const struct vmgenid_page *page;
	struct vmgenid_info info = { 0 };
	int r;

	r = get_first_info(s->fd, &info);
	if (r < 0)
		return r;
	s->cookie = info.cookie;
	r = source_map(s, 0, &s->page);
	if (r < 0)
		return r;
	page = s->page;
	s->counter = (const word64 *)&page->generation;
	s->mask = UINT64_MAX;
	s->flags = &page->flags;
	s->can = VMGEN_INFO_EXACT | VMGEN_INFO_EVENTS | VMGEN_INFO_SETTLES;
	map_raw(s, &info);
	return 0;
}

/* The pages stay mapped, and keep the module from being unloaded. */
static int rebind(struct source *s, int fd)
{
	struct vmgenid_info info = { 0 };
	int r = get_first_info(fd, &info);

	if (r < 0)
		return r;
	/* Pairs with those who load the descriptor first. */
	s->cookie = info.cookie;
	s->fd = fd;
	return 0;
}

static int wait_record(const struct source *s, uint64_t known, int64_t timeout_ns,
		       struct vmgen_event *ret_event)
{
	struct vmgenid_wait wait = { .known = known, .timeout_ns = timeout_ns };
	int saved = errno;
	int fd, r;

	do {
		fd = s->fd;
		wait.cookie = s->cookie;
		r = ioctl(fd, VMGENID_WAIT, &wait) < 0 ? source_take_errno(saved) : 0;
		/* Another file that got the number. */
		if (r == -ENOTTY || r == -ESTALE)
			r = -EBADF;
	} while (r == -EBADF && fd != s->fd);
	if (r == 0)
		*ret_event = event_of(&wait.record);
	return r;
}

static int look(const struct source *s, struct vmgen_event *ret_event)
{
	int r;

	do
		r = wait_record(s, 0, 0, ret_event);
	while (r == -EINTR);
	return r;
}

static int read_record(struct source *s, struct vmgen_event *ret_event)
{
	struct vmgenid_record record;
	int saved = errno;
	int r = source_check(s);
	ssize_t n;

	/* What is read from another file would be lost to its owner. */
	if (r < 0)
		return r;
	do
		n = read(s->fd, &record, sizeof(record));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return source_take_errno(saved);
	if (n != sizeof(record))
		return -EPROTO;
	*ret_event = event_of(&record);
	return 0;
}

static int read_id(const struct source *s, uint8_t ret_id[VMGEN_ID_SIZE])
{
	struct vmgenid_info info = { 0 };
	int r = get_own_info(s, &info);

	if (r < 0)
		return r;
	if (info.flags & VMGENID_INFO_COUNTER)
		return -EOPNOTSUPP;
	if (!(info.flags & VMGENID_INFO_ID_SHOWN))
		return -EPERM;
	if (!(info.flags & VMGENID_INFO_ID_VALID))
		return -ENODATA;
	memcpy(ret_id, info.id, VMGEN_ID_SIZE);
	return 0;
}

static int fill_info(const struct source *s, struct vmgen_info *info)
{
	struct vmgenid_info device;
	int r = get_own_info(s, &device);

	if (r < 0)
		return r;
	info->flags = device.flags & (VMGENID_INFO_INTREE | VMGENID_INFO_NOTIFIES |
				      VMGENID_INFO_ID_VALID | VMGENID_INFO_ID_UNTRUSTED |
				      VMGENID_INFO_COUNTER);
	if (device.flags & VMGENID_INFO_ID_SHOWN)
		info->flags |= VMGEN_INFO_ID;
	info->version = device.version;
	info->generation = device.generation;
	info->changes = device.changes;
	info->spurious_notifies = device.spurious_notifies;
	info->found_by_call = device.found_by_call;
	info->found_by_resume = device.found_by_resume;
	info->found_by_timer = device.found_by_timer;
	info->lost_ids = device.lost_ids;
	memcpy(info->hid, device.hid, sizeof(info->hid) - 1);
	return 0;
}

const struct source_ops vmgenid_ops = {
	.device = VMGEN_VMGENID,
	.path = "/dev/vmgenid",
	.wants_write = true,
	.attach = attach,
	.look = look,
	.rebind = rebind,
	.wait = wait_record,
	.read = read_record,
	.id = read_id,
	.info = fill_info,
};
