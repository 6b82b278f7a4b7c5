/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID of this machine.
 */
#include <errno.h>
#include <string.h>

#include "identifier.h"

enum guest identifier_hash(const struct ctl *ctl, char ret_hash[HASH_SIZE])
{
	uint8_t id[VMGEN_ID_SIZE];
	struct vmgen *device;
	int r;

	*ret_hash = '\0';
	r = vmgen_open(ctl->device, VMGEN_VMGENID, &device);
	if (!r) {
		r = vmgen_id(device, id);
		vmgen_close(device);
		if (!r)
			hash_id(id, ret_hash);
		explicit_bzero(id, sizeof(id));
	}
	return guest_diagnose(r == -ENODATA ? 0 : r, ctl->device, GUEST_SYSFS);
}
