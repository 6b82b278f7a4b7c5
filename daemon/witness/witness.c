/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who tells vmgend of changes.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/guest.h"
#include "base/paths.h"
#include "witness.h"

static const struct {
	/* At most 15 small letters, as record.c reads it back. */
	const char *name;
	/* Where it usually is. */
	const char *node;
	unsigned int losses;
} kinds[] = {
	[WITNESS_VMGENID] = { "vmgenid", PATH_DEVICE, 0 },
	[WITNESS_COUNTER] = { "counter", PATH_DEVICE, WITNESS_LOSS_BOOT },
	[WITNESS_VMCLOCK] = { "vmclock", "/dev/vmclock0", WITNESS_LOSS_BOOT | WITNESS_LOSS_RESEED },
	[WITNESS_SYSGENID] = { "sysgenid", "/dev/sysgenid", WITNESS_LOSS_BOOT },
	[WITNESS_KMSG] = { "kmsg", KMSG_NODE, WITNESS_LOSS_BOOT | WITNESS_LOSS_RESTART |
			   WITNESS_LOSS_PROGRAMS | WITNESS_LOSS_RESEED },
};

static const struct {
	enum witness_loss loss;
	const char *text;
} losses[] = {
	{ WITNESS_LOSS_BOOT, "a change while this system is down is not detected" },
	{ WITNESS_LOSS_RESTART, "a change while vmgend is not running is not detected" },
	{ WITNESS_LOSS_PROGRAMS, "programs that use libvmgen have no device to ask" },
	{ WITNESS_LOSS_RESEED, 
	  "programs may draw before the kernel's random number generator has reseeded" },
};

const char *witness_name(enum witness_kind kind)
{
	return kinds[kind].name;
}

const char *witness_node(enum witness_kind kind)
{
	return kinds[kind].node;
}

unsigned int witness_losses(enum witness_kind kind)
{
	return kinds[kind].losses;
}

unsigned int witness_loss(unsigned int n, const char **ret_text)
{
	if (n >= sizeof(losses) / sizeof(losses[0]))
		return 0;
	*ret_text = losses[n].text;
	return losses[n].loss;
}

static int find_kind(struct vmgen *device, enum witness_kind *ret_kind)
{
	struct vmgen_info info;
	int r = vmgen_info(device, &info, sizeof(info));

	if (r)
		return r;
	if (info.device == VMGEN_VMGENID)
		*ret_kind = info.flags & VMGEN_INFO_COUNTER ? WITNESS_COUNTER : WITNESS_VMGENID;
	else
		*ret_kind = info.device == VMGEN_VMCLOCK ? WITNESS_VMCLOCK : WITNESS_SYSGENID;
	return 0;
}

/* node: NULL: where each kind has it. */
static int open_device(const char *node, unsigned int flags, struct witness *witness)
{
	uint8_t id[VMGEN_ID_SIZE];
	int r;

	r = vmgen_open(node, flags, &witness->device);
	if (r)
		return r;
	r = find_kind(witness->device, &witness->kind);
	/* Without the ID a change across a restart cannot be seen. */
	if (!r && witness->kind == WITNESS_VMGENID) {
		r = vmgen_id(witness->device, id);
		explicit_bzero(id, sizeof(id));
		if (r == -ENODATA)
			r = 0;
	}
	if (r)
		witness->device = vmgen_close(witness->device);
	return r;
}

int witness_open(const char *node, const char *sysfs, struct witness *ret_witness, int *ret_error)
{
	struct witness witness = { .kind = WITNESS_KMSG, .kmsg_fd = -1 };
	bool usual = !strcmp(node, PATH_DEVICE);
	int error, r;

	error = open_device(node, usual ? VMGEN_VMGENID : 0, &witness);
	r = error;
	if (r && usual && guest_diagnose(r, node, sysfs) != GUEST_NO_RIGHTS) {
		r = open_device(NULL, VMGEN_VMCLOCK | VMGEN_SYSGENID, &witness);
		/* The log says nothing where the kernel has no driver at work. */
		if (r && guest_has_intree(sysfs))
			r = kmsg_open(KMSG_NODE, &witness.kmsg_fd);
	}
	*ret_error = error;
	if (r)
		return error;
	*ret_witness = witness;
	return 0;
}

void witness_close(struct witness *witness)
{
	if (witness->kind == WITNESS_KMSG && witness->kmsg_fd >= 0)
		close(witness->kmsg_fd);
	vmgen_close(witness->device);
	*witness = (struct witness){ .kind = WITNESS_VMGENID };
}

int witness_fd(const struct witness *witness)
{
	return witness->device ? vmgen_fd(witness->device) : witness->kmsg_fd;
}

int witness_read(struct witness *witness)
{
	struct vmgen_event event;

	if (!witness->device)
		return kmsg_read(witness->kmsg_fd, &witness->line);
	return vmgen_read(witness->device, &event, sizeof(event));
}
