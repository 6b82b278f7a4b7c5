// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Stands for kmod/generation.c: counts who detected it, and settles a change by writing down the
 * ID. Like that one it takes no lock and prints nothing where changes are detected.
 */
#include <string.h>

#include "machine.h"
#include "generation.h"
#include "osl.h"

static struct machine_notices notices;

static bool same(struct vmgenc_id a, struct vmgenc_id b)
{
	return a.half[0] == b.half[0] && a.half[1] == b.half[1];
}

struct vmgenc_id vmgenc_device_sample(const struct vmgenc_device *dev)
{
	return dev->kind->sample(dev->memory);
}

struct vmgenc_id vmgenc_sample(const struct vmgenc *vg)
{
	return vmgenc_device_sample(READ_ONCE(vg->device));
}

bool vmgenc_id_valid(struct vmgenc_id id)
{
	return !(id.half[0] == id.half[1] && (!id.half[0] || !~id.half[0]));
}

static unsigned long *counter(enum vmgenid_source source)
{
	switch (source) {
	case VMGENID_SOURCE_INTERRUPT:
		/* Only the interrupt, and ACPICA with the lock of its GPEs. */
		notices.sci_locked += osl_in_interrupt() && osl_spinlock_held();
		return &notices.sci;
	case VMGENID_SOURCE_NOTIFY:
		return &notices.notify;
	default:
		return &notices.recheck;
	}
}

bool vmgenc_notice(struct vmgenc *vg, enum vmgenid_source source)
{
	struct vmgenc_id id = vmgenc_sample(vg);

	__atomic_add_fetch(counter(source), 1, __ATOMIC_SEQ_CST);
	memcpy(notices.id, id.half, sizeof(notices.id));
	if (same(id, vg->device->settled))
		return false;
	__atomic_store_n(&vg->settle.queued, true, __ATOMIC_SEQ_CST);
	return true;
}

static struct vmgenc *settling;

static void settle(struct kthread_work *work)
{
	struct vmgenc *vg = settling;

	(void)work;
	spin_lock(&vg->lock);
	vg->device->settled = vmgenc_sample(vg);
	vg->n_settled++;
	spin_unlock(&vg->lock);
}

void generation_start(struct vmgenc *vg)
{
	memset(&notices, 0, sizeof(notices));
	settling = vg;
	vg->settle.func = settle;
	vg->device->settled = vmgenc_sample(vg);
}

struct machine_notices machine_notices(void)
{
	return notices;
}
