/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID of this machine.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
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

/* Returns the hash that vmgend tells, if it is of the present generation; else NULL. */
static const char *told_hash(const struct view *view)
{
	uint64_t generation;
	const char *hash;

	if (!view->running || json_get_number(view->vmgend, "generation", &generation) ||
	    generation != view->event.generation ||
	    json_get_text(view->vmgend, "id_hash", &hash) || !hash_valid(hash))
		return NULL;
	return hash;
}

void identifier_metric(const struct ctl *ctl, const struct view *view,
		       char ret_metric[HASH_METRIC_SIZE])
{
	char own[HASH_SIZE] = "";
	const char *hash = own;

	*ret_metric = '\0';
	if (view->guest != GUEST_READY || !view_has_id(view))
		return;
	(void)identifier_hash(ctl, own);
	if (!*own)
		hash = told_hash(view);
	if (hash)
		hash_metric(hash, ret_metric);
}
