/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * libvmgen on a device that shows what the test has put here, in place of the library's.
 */
#ifndef SHOWN_H
#define SHOWN_H

#include <errno.h>
#include <string.h>
#include <vmgen/vmgenid.h>

#include "libvmgen.h"

static int open_result;
static struct vmgen_event event = { .generation = 5, .source = VMGENID_SOURCE_INTERRUPT };
static struct vmgen_info info = {
	.device = VMGEN_VMGENID,
	.flags = VMGEN_INFO_ID_VALID | VMGEN_INFO_NOTIFIES | VMGEN_INFO_INTREE,
	.changes = 4, .spurious_notifies = 3, .hid = "QEMU\"VGID",
};
/* All bytes of the ID, and who may not read it. */
static uint8_t id_byte;
static int id_result;

int vmgen_open(const char *node, unsigned int flags, struct vmgen **ret_device)
{
	(void)node;
	(void)flags;
	if (!open_result)
		*ret_device = (struct vmgen *)&info;
	return open_result;
}

struct vmgen *vmgen_close(struct vmgen *v)
{
	(void)v;
	return NULL;
}

int vmgen_fd(const struct vmgen *v)
{
	(void)v;
	return -1;
}

int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	(void)v;
	memcpy(ret_event, &event, size);
	return 0;
}

int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	return vmgen_event(v, ret_event, size);
}

int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	(void)v;
	memcpy(ret_info, &info, size);
	return 0;
}

int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	(void)v;
	if (id_result)
		return id_result;
	if (!(info.flags & VMGEN_INFO_ID_VALID))
		return -ENODATA;
	memset(ret_id, id_byte, VMGEN_ID_SIZE);
	return 0;
}

int vmgen_wait(struct vmgen *v, uint64_t known, int64_t timeout_ns, uint64_t *ret_generation)
{
	(void)v;
	(void)timeout_ns;
	if (event.generation == known)
		return -ETIMEDOUT;
	*ret_generation = event.generation;
	return 0;
}

#endif /* SHOWN_H */
