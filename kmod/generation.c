// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Turns changes of the ID into steps of the generation. Any trigger may come
 * first, alone, twice or never: each only compares and wakes the worker, and
 * the worker alone decides whether the world changed.
 *
 * The order is the point. The kernel's random number generator is reseeded
 * before the generation moves, and the generation moves before anyone wakes.
 * Who else hears of it main.c says, in a table of listeners.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fips.h>
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include "vmgenc.h"

/* A host that changes the ID faster than the kernel reseeds is broken. */
enum { SETTLE_TRIES = 16, SETTLE_PAUSE_MS = 100 };

/* The words of vmgenctl(1), detected_by. */
static const char * const source_names[] = {
	[VMGENID_SOURCE_NONE]	   = "none",
	[VMGENID_SOURCE_INTERRUPT] = "interrupt",
	[VMGENID_SOURCE_NOTIFY]	   = "notify",
	[VMGENID_SOURCE_CALL]	   = "call",
	[VMGENID_SOURCE_RECHECK]   = "recheck",
	[VMGENID_SOURCE_RESUME]	   = "resume",
	[VMGENID_SOURCE_TIMER]	   = "timer",
};

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

/* All zeros or all ones: the host provides no ID. */
bool vmgenc_id_valid(struct vmgenc_id id)
{
	return !(id.half[0] == id.half[1] && (!id.half[0] || !~id.half[0]));
}

/*
 * Another device that provides an ID, for when dev does not; or NULL. A VMClock does
 * not take the place of an ID: who has one in use relies on it.
 */
static const struct vmgenc_device *find_other(const struct vmgenc *vg,
					      const struct vmgenc_device *dev)
{
	const struct vmgenc_device *other;

	for (other = vg->devices; other < vg->devices + vg->n_devices; other++)
		if (other != dev && (dev->kind->counts || !other->kind->counts) &&
		    vmgenc_id_valid(vmgenc_device_sample(other)))
			return other;
	return NULL;
}

/*
 * Takes no lock, so that nobody can hold up the interrupt by calling this in a
 * loop. Halves of two settled IDs can only be seen while the worker writes
 * them, and it compares again afterwards.
 */
bool vmgenc_differs(const struct vmgenc *vg)
{
	const struct vmgenc_device *dev = READ_ONCE(vg->device);
	struct vmgenc_id id = vmgenc_device_sample(dev);
	struct vmgenc_id settled = { {
		READ_ONCE(dev->settled.half[0]),
		READ_ONCE(dev->settled.half[1]),
	} };

	return !same(id, settled) || (!vmgenc_id_valid(id) && find_other(vg, dev));
}

/*
 * Stage 1. Any context, also hard interrupts: must not print.
 *
 * Returns: whether there is a change to be settled.
 */
bool vmgenc_notice(struct vmgenc *vg, enum vmgenid_source source)
{
	if (!vmgenc_differs(vg))
		return false;
	cmpxchg(&vg->noticed_by, VMGENID_SOURCE_NONE, source);
	kthread_queue_work(vg->worker, &vg->settle);
	return true;
}

/*
 * For when the memory may hold an old ID although the machine changed hands:
 * reseeds the kernel RNG, also if the ID is the same. Any context.
 */
void vmgenc_distrust(struct vmgenc *vg, enum vmgenid_source source)
{
	WRITE_ONCE(vg->doubtful, true);
	cmpxchg(&vg->noticed_by, VMGENID_SOURCE_NONE, source);
	kthread_queue_work(vg->worker, &vg->settle);
}

/* Half of the ID is new: the other may still be on its way. */
static bool torn(const struct vmgenc *vg, struct vmgenc_id id)
{
	return (id.half[0] == vg->device->settled.half[0]) !=
	       (id.half[1] == vg->device->settled.half[1]);
}

/*
 * Where the device in use provides no ID and another one does, that one is used from
 * now on. It is compared with what it held when both were looked at last, so this
 * alone is no change.
 *
 * Returns: NULL; or the device that was in use.
 */
static const struct vmgenc_device *change_over(struct vmgenc *vg)
{
	const struct vmgenc_listener * const *l;
	struct vmgenc_device *dev = vg->device;
	const struct vmgenc_device *other;

	if (vmgenc_id_valid(vmgenc_device_sample(dev)))
		return NULL;
	other = find_other(vg, dev);
	if (!other)
		return NULL;
	spin_lock(&vg->lock);
	vg->n_settled++;
	vg->lost_ids += vmgenc_id_valid(dev->settled);
	WRITE_ONCE(vg->device, &vg->devices[other - vg->devices]);
	spin_unlock(&vg->lock);
	for (l = vg->listeners; *l; l++)
		if ((*l)->change_over)
			(*l)->change_over(vg);
	return dev;
}

/*
 * Has the generator reseeded from the ID that is in memory afterwards too: a
 * snapshot may be taken, and cloned, between any two instructions. Nothing may
 * come before the first reseed, because user space may run meanwhile.
 */
static int take(struct vmgenc *vg, struct vmgenc_id *ret_id)
{
	struct vmgenc_id id;
	int tries;
	int err;

	for (tries = 0; tries < SETTLE_TRIES; tries++) {
		id = vmgenc_sample(vg);
		err = vmgenc_random_reseed(vg, id);
		if (!tries && torn(vg, id))
			usleep_range(1000, 2000);
		if (same(id, vmgenc_sample(vg)))
			break;
	}
	if (tries == SETTLE_TRIES)
		msleep(SETTLE_PAUSE_MS);
	*ret_id = id;
	return err;
}

static void move_listeners(struct vmgenc *vg)
{
	const struct vmgenc_listener * const *l;

	for (l = vg->listeners; *l; l++)
		if ((*l)->move)
			(*l)->move(vg);
}

static void keep(struct vmgenc_device *dev, struct vmgenc_id id)
{
	WRITE_ONCE(dev->settled.half[0], id.half[0]);
	WRITE_ONCE(dev->settled.half[1], id.half[1]);
}

/*
 * What the others hold goes with this ID, for change_over(). Not if this one has changed
 * since, because then theirs may be new as well.
 */
static void keep_others(struct vmgenc *vg, struct vmgenc_id id)
{
	struct vmgenc_device *dev;
	struct vmgenc_id other;

	for (dev = vg->devices; dev < vg->devices + vg->n_devices; dev++) {
		if (dev == vg->device)
			continue;
		other = vmgenc_device_sample(dev);
		if (!same(id, vmgenc_sample(vg)))
			return;
		keep(dev, other);
	}
}

/* Returns: whether the generation moved. */
static bool publish(struct vmgenc *vg, struct vmgenc_id id, u32 flags,
		    u32 source, u64 now)
{
	bool valid = vmgenc_id_valid(id);
	bool differs = vg->adopted && !same(id, vg->device->settled);
	bool changed = valid && differs;

	if (!valid)
		flags |= VMGENID_NO_ID;
	spin_lock(&vg->lock);
	vg->record.flags = flags;
	WRITE_ONCE(vg->page->flags, flags);
	vg->n_settled += differs;
	vg->lost_ids += differs && !valid;
	vg->adopted |= valid;
	if (changed) {
		vg->record.generation++;
		vg->record.changed_boottime_ns = now;
		vg->record.source = source;
		vg->found_by[source]++;
		vg->id_untrusted = false;
		/* Pairs with the acquire load of those who mapped the page. */
		smp_store_release(&vg->page->generation,
				  vg->record.generation);
		move_listeners(vg);
	}
	keep(vg->device, id);
	if (valid)
		keep_others(vg, id);
	spin_unlock(&vg->lock);
	return changed;
}

static void tell_listeners(struct vmgenc *vg)
{
	const struct vmgenc_listener * const *l;

	for (l = vg->listeners; *l; l++)
		if ((*l)->announce)
			(*l)->announce(vg);
}

/* A broken host may change the ID all the time, so all of this is limited. */
static void report(struct vmgenc *vg, struct vmgenc_id id, bool changed, int err)
{
	if (err)
		pr_warn_ratelimited("the kernel's random number generator could not be reseeded (error %d): start vmgend, which reseeds from user space\n",
				    err);
	if (vg->record.flags & VMGENID_RNG_OTHER)
		pr_warn_ratelimited("programs may read another random number generator than the one that is reseeded (%s): vmgenctl check\n",
				    fips_enabled ? "FIPS mode" : "another /dev/urandom");
	if (changed) {
		tell_listeners(vg);
		pr_notice_ratelimited("this virtual machine was cloned or restored: generation %llu (detected by %s)\n",
				      vg->record.generation,
				      source_names[vg->record.source]);
	} else if (!vmgenc_id_valid(id)) {
		if (vg->device->kind->counts)
			pr_warn_ratelimited("%s: the host provides no generation counter any more\n",
					    vg->device->path);
		else
			pr_warn_ratelimited("%s: the host provides no generation ID (it is all %s): give the device of this VM a GUID on the host\n",
					    vg->device->path, id.half[0] ? "ones" : "zeros");
	} else if (vg->id_untrusted) {
		pr_warn_ratelimited("the ID may be older than this machine, because hibernation writes it back: boot it with acpi_sleep=nonvs\n");
	}
}

/* Stage 2, by the worker. */
static void settle(struct kthread_work *work)
{
	struct vmgenc *vg = container_of(work, struct vmgenc, settle);
	u32 source = xchg(&vg->noticed_by, VMGENID_SOURCE_NONE);
	bool doubtful = xchg(&vg->doubtful, false);
	u64 now = ktime_get_boottime_ns();
	const struct vmgenc_device *left;
	struct vmgenc_id id;
	bool changed;
	int err;

	/* Those who saw a change that went away again wait as well. */
	if (vg->adopted && !doubtful && !vmgenc_differs(vg)) {
		vmgenc_waiters_wake(vg);
		return;
	}
	left = change_over(vg);
	err = take(vg, &id);
	if (doubtful)
		WRITE_ONCE(vg->id_untrusted, vg->device->nvs);
	changed = publish(vg, id, (err ? VMGENID_RNG_STALE : 0) |
			  (vmgenc_random_is_other(vg) ? VMGENID_RNG_OTHER : 0),
			  source ?: VMGENID_SOURCE_RECHECK, now);
	vmgenc_waiters_wake(vg);
	if (left)
		pr_warn_ratelimited("%s: provides no ID, so %s is used from now on\n", left->path,
				    vg->device->path);
	report(vg, id, changed, err);
	/* Of a snapshot taken after the last comparison in take(). */
	vmgenc_notice(vg, VMGENID_SOURCE_RECHECK);
}

/*
 * Looks at the hypervisor's memory and waits until a change, if there is one,
 * is settled; that takes about as long as the kernel's reseed.
 *
 * Returns: 0; -ERESTARTSYS on a signal.
 */
int vmgenc_wait_settled(struct vmgenc *vg, bool privileged)
{
	struct wait_queue_head *queue = vmgenc_waiters_settling(vg, privileged);

	/* Also what changes while this waits: perhaps nobody else looks. */
	return wait_event_interruptible(*queue,
					!vmgenc_notice(vg, VMGENID_SOURCE_CALL));
}

struct vmgenid_record vmgenc_record(struct vmgenc *vg)
{
	struct vmgenid_record record;

	spin_lock(&vg->lock);
	record = vg->record;
	spin_unlock(&vg->lock);
	return record;
}

/* The listeners end with NULL and stay until vmgenc_generation_exit(). */
int vmgenc_generation_init(struct vmgenc *vg,
			   const struct vmgenc_listener * const *listeners)
{
	int err;

	BUILD_BUG_ON(sizeof(struct vmgenc_id) != VMGENID_ID_SIZE);

	spin_lock_init(&vg->lock);
	kthread_init_work(&vg->settle, settle);
	vg->listeners = listeners;

	vg->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!vg->page)
		return -ENOMEM;
	vg->page->version = VMGENID_ABI_VERSION;
	vg->page->generation = 1;
	vg->record.generation = 1;
	err = vmgenc_waiters_init(vg);
	if (err)
		goto err_waiters;

	vg->worker = kthread_run_worker(0, "vmgenc");
	err = PTR_ERR_OR_ZERO(vg->worker);
	if (err)
		goto err_worker;
	/* Before user space runs again on a machine with one CPU. */
	sched_set_fifo(vg->worker->task);

	/*
	 * The first ID is adopted, not announced. The reseed that goes with it
	 * separates clones in which nobody was there to do it.
	 */
	kthread_queue_work(vg->worker, &vg->settle);
	kthread_flush_work(&vg->settle);
	return 0;

err_worker:
	vmgenc_waiters_exit(vg);
err_waiters:
	free_page((unsigned long)vg->page);
	return err;
}

void vmgenc_generation_exit(struct vmgenc *vg)
{
	/* The work queues itself while the ID changes. */
	kthread_cancel_work_sync(&vg->settle);
	kthread_destroy_worker(vg->worker);
	vmgenc_waiters_exit(vg);
	vmgenc_random_exit(vg);
	free_page((unsigned long)vg->page);
}
