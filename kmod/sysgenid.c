// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/sysgenid; the contract is in <vmgen/sysgenid.h>. Crypto libraries look
 * for exactly this path, so with it unmodified programs notice a clone.
 */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <vmgen/sysgenid.h>
#include "vmgenc.h"

#define NAME		"sysgenid"
/* Further ahead, a program that subtracts would take it for a step back. */
#define MAX_STEPS	BIT(31)

static bool enabled = true;
module_param_named(sysgenid, enabled, bool, 0444);
MODULE_PARM_DESC(sysgenid, "Offer /dev/sysgenid (default: yes)");

/* An open file. Its state is the vmgenc's lock's, for it is counted there too. */
struct watcher {
	struct vmgenc *vg;
	/* Of the process that opened it. Constant. */
	bool privileged;
	u64 confirmed;
	bool tracked;
};

/* What the caller of SYSGENID_TRIGGER_GEN_UPDATE has the worker do. */
struct trigger {
	struct kthread_work work;
	struct vmgenc *vg;
	u32 min_gen;
	int err;
};

/* By the worker, with the lock held. */
static void move(struct vmgenc *vg, u32 steps)
{
	struct vmgenc_sysgenid *sg = &vg->sysgenid;

	lockdep_assert_held(&vg->lock);
	sg->generation += steps;
	sg->outdated = sg->tracked;
	if (!sg->page)
		return;
	/* Pairs with the load of those who mapped the page. */
	smp_store_release(sg->page, lower_32_bits(sg->generation));
}

static void move_along(struct vmgenc *vg)
{
	move(vg, 1);
}

const struct vmgenc_listener vmgenc_sysgenid_listener = {
	.move = move_along,
};

static bool holds_up(const struct watcher *w)
{
	return w->tracked && w->confirmed != w->vg->sysgenid.generation;
}

/* Returns: whether this was the last that somebody may be waiting for. */
static bool set_watcher(struct watcher *w, u64 confirmed, bool tracked)
{
	struct vmgenc_sysgenid *sg = &w->vg->sysgenid;
	bool held_up = holds_up(w);

	lockdep_assert_held(&w->vg->lock);
	sg->tracked -= w->tracked;
	sg->outdated -= held_up;
	w->confirmed = confirmed;
	w->tracked = tracked;
	sg->tracked += w->tracked;
	sg->outdated += holds_up(w);
	return held_up && !sg->outdated;
}

/* By the worker: a caller without priority could be in the way of those it wakes. */
static void wake(struct vmgenc *vg)
{
	kthread_queue_work(vg->worker, &vg->settle);
}

static void track(struct watcher *w, bool tracked)
{
	bool last;

	spin_lock(&w->vg->lock);
	last = set_watcher(w, w->confirmed, tracked);
	spin_unlock(&w->vg->lock);
	if (last)
		wake(w->vg);
}

static int confirm(struct watcher *w, u32 value)
{
	struct vmgenc_sysgenid *sg = &w->vg->sysgenid;
	bool last = false;
	int err = -EINVAL;

	spin_lock(&w->vg->lock);
	if (value == lower_32_bits(sg->generation)) {
		last = set_watcher(w, sg->generation, w->tracked);
		err = 0;
	}
	spin_unlock(&w->vg->lock);
	if (last)
		wake(w->vg);
	return err;
}

static bool is_outdated(struct watcher *w)
{
	bool outdated;

	spin_lock(&w->vg->lock);
	outdated = w->confirmed != w->vg->sysgenid.generation;
	spin_unlock(&w->vg->lock);
	return outdated;
}

static struct wait_queue_head *queue_of(const struct watcher *w)
{
	return vmgenc_waiters_queue(w->vg, w->privileged);
}

static int sysgenid_open(struct inode *inode, struct file *file)
{
	struct vmgenc *vg = container_of(file->private_data, struct vmgenc,
					 sysgenid.misc);
	struct watcher *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	/* Does not wait: AWS-LC gives up for good when a signal interrupts it. */
	vmgenc_notice(vg, VMGENID_SOURCE_CALL);
	w->vg = vg;
	w->privileged = vmgenc_is_privileged();
	spin_lock(&vg->lock);
	w->confirmed = vg->sysgenid.generation;
	spin_unlock(&vg->lock);
	file->private_data = w;
	return stream_open(inode, file);
}

static int sysgenid_release(struct inode *inode, struct file *file)
{
	track(file->private_data, false);
	kfree(file->private_data);
	return 0;
}

static int wait_outdated(struct watcher *w)
{
	struct vmgenc *vg = w->vg;
	int err;

	for (;;) {
		err = vmgenc_wait_settled(vg, w->privileged);
		if (err || is_outdated(w))
			return err;
		err = wait_event_interruptible(*queue_of(w),
					       is_outdated(w) || vmgenc_differs(vg));
		if (err)
			return err;
	}
}

static ssize_t sysgenid_read(struct file *file, char __user *buf, size_t size,
			     loff_t *pos)
{
	struct watcher *w = file->private_data;
	u32 value;
	int err = 0;

	if (!size)
		return 0;
	if (size < sizeof(value))
		return -EINVAL;
	if (!(file->f_flags & O_NONBLOCK))
		err = wait_outdated(w);
	else if (vmgenc_notice(w->vg, VMGENID_SOURCE_CALL) || !is_outdated(w))
		err = -EAGAIN;
	if (err)
		return err;
	spin_lock(&w->vg->lock);
	value = lower_32_bits(w->vg->sysgenid.generation);
	spin_unlock(&w->vg->lock);
	return copy_to_user(buf, &value, sizeof(value)) ? -EFAULT : sizeof(value);
}

static ssize_t sysgenid_write(struct file *file, const char __user *buf,
			      size_t size, loff_t *pos)
{
	u32 value;

	if (size != sizeof(value))
		return -ENOBUFS;
	if (copy_from_user(&value, buf, sizeof(value)))
		return -EFAULT;
	return confirm(file->private_data, value) ?: sizeof(value);
}

static __poll_t sysgenid_poll(struct file *file, poll_table *table)
{
	struct watcher *w = file->private_data;

	poll_wait(file, queue_of(w), table);
	/* Not ready while it is settled: the worker wakes all who poll. */
	if (vmgenc_notice(w->vg, VMGENID_SOURCE_CALL))
		return 0;
	return is_outdated(w) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int sysgenid_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct watcher *w = file->private_data;

	if (vma->vm_pgoff || vma_pages(vma) > 1)
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start,
			      virt_to_page(w->vg->sysgenid.page));
}

/* With the lock: set_watcher() takes a watcher out of the count and puts it back. */
static bool all_confirmed(struct vmgenc *vg)
{
	bool all;

	spin_lock(&vg->lock);
	all = !vg->sysgenid.outdated;
	spin_unlock(&vg->lock);
	return all;
}

static long ioctl_wait(struct watcher *w, unsigned long timeout_ms)
{
	struct vmgenc *vg = w->vg;
	bool forever = !timeout_ms || timeout_ms > KTIME_MAX / NSEC_PER_MSEC;
	ktime_t end = KTIME_MAX;
	ktime_t left = KTIME_MAX;
	int err;

	if (!forever)
		end = ktime_add_safe(ktime_get(), ms_to_ktime(timeout_ms));
	for (;;) {
		err = vmgenc_wait_settled(vg, w->privileged);
		if (err)
			break;
		if (is_outdated(w))
			return -EINTR;
		if (all_confirmed(vg))
			return 0;
		if (!forever)
			left = ktime_sub(end, ktime_get());
		if (left <= 0)
			return -ETIME;
		/* The loop finds out about a timeout, after another look. */
		err = wait_event_interruptible_hrtimeout(*queue_of(w),
							 all_confirmed(vg) || is_outdated(w) ||
							 vmgenc_differs(vg),
							 left);
		if (err == -ERESTARTSYS)
			break;
	}
	/* A call that the kernel restarts would begin its timeout again. */
	return forever ? err : -EINTR;
}

static void handle_trigger(struct kthread_work *work)
{
	struct trigger *trigger = container_of(work, struct trigger, work);
	struct vmgenc *vg = trigger->vg;
	u32 now = lower_32_bits(vg->sysgenid.generation);
	u32 steps = trigger->min_gen > now ? trigger->min_gen - now : 1;

	if (steps > MAX_STEPS) {
		trigger->err = -EINVAL;
		return;
	}
	/* If it fails, that has been told when the module was loaded. */
	vmgenc_random_reseed(vg, vmgenc_sample(vg));
	spin_lock(&vg->lock);
	move(vg, steps);
	spin_unlock(&vg->lock);
	vmgenc_waiters_wake(vg);
	/* Of a snapshot taken since the reseed. */
	vmgenc_notice(vg, VMGENID_SOURCE_RECHECK);
}

static long ioctl_trigger(struct vmgenc *vg, unsigned long min_gen)
{
	struct trigger trigger = { .vg = vg, .min_gen = min_gen };

	/* A user namespace is anybody's, the generator is the machine's. */
	if (!checkpoint_restore_ns_capable(&init_user_ns))
		return -EACCES;
	if (min_gen > U32_MAX)
		return -EINVAL;
	kthread_init_work(&trigger.work, handle_trigger);
	kthread_queue_work(vg->worker, &trigger.work);
	kthread_flush_work(&trigger.work);
	return trigger.err;
}

static long sysgenid_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct watcher *w = file->private_data;

	switch (cmd) {
	case SYSGENID_SET_WATCHER_TRACKING:
		if (!(file->f_mode & FMODE_WRITE))
			return -EACCES;
		track(w, arg);
		return 0;
	case SYSGENID_WAIT_WATCHERS:
		return ioctl_wait(w, arg);
	case SYSGENID_TRIGGER_GEN_UPDATE:
		return ioctl_trigger(w->vg, arg);
	}
	return -EINVAL;
}

static const struct file_operations sysgenid_fops = {
	.owner = THIS_MODULE,
	.open = sysgenid_open,
	.release = sysgenid_release,
	.read = sysgenid_read,
	.write = sysgenid_write,
	.poll = sysgenid_poll,
	.mmap = sysgenid_mmap,
	.unlocked_ioctl = sysgenid_ioctl,
	/* No argument is a pointer, so none has to be converted. */
	.compat_ioctl = sysgenid_ioctl,
	.fasync = vmgenc_waiters_fasync,
	.llseek = noop_llseek,
};

/* Also by a file: users of the path would get that, not this device. */
static bool is_taken(void)
{
	struct path path;

	if (kern_path("/dev/" NAME, 0, &path))
		return false;
	path_put(&path);
	return true;
}

static void set_page(struct vmgenc *vg, u32 *page)
{
	struct vmgenc_sysgenid *sg = &vg->sysgenid;

	spin_lock(&vg->lock);
	swap(sg->page, page);
	if (sg->page)
		*sg->page = lower_32_bits(sg->generation);
	spin_unlock(&vg->lock);
	free_page((unsigned long)page);
}

static int create(struct vmgenc *vg)
{
	u32 *page;
	int err;

	if (is_taken())
		return -EEXIST;
	page = (u32 *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	set_page(vg, page);
	vg->sysgenid.misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = NAME,
		.fops = &sysgenid_fops,
		.parent = vg->device->parent,
		/* For AWS-LC a node that it cannot open is worse than none. */
		.mode = 0444,
	};
	err = misc_register(&vg->sysgenid.misc);
	if (err)
		set_page(vg, NULL);
	return err;
}

/* All else works without it, so a failure does not fail the module. */
void vmgenc_sysgenid_init(struct vmgenc *vg)
{
	int err;

	if (!enabled)
		return;
	err = create(vg);
	if (err == -EEXIST)
		pr_notice("/dev/sysgenid is there already and is left alone: its users learn of changes from the driver that made it\n");
	else if (err)
		pr_warn("/dev/sysgenid could not be created (error %d): programs that use it will not learn of changes\n",
			err);
}

void vmgenc_sysgenid_exit(struct vmgenc *vg)
{
	if (!vg->sysgenid.page)
		return;
	misc_deregister(&vg->sysgenid.misc);
	set_page(vg, NULL);
}
