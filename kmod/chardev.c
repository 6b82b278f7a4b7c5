// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/vmgenid; the contract is in <vmgen/vmgenid.h>.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>
#include "vmgenc.h"

/* An open file. */
struct vmgenc_file {
	struct vmgenc *vg;
	/* Of the process that opened it; may be passed on. Constant. */
	bool privileged;
	u64 cookie;
	/* One reader takes a generation, also of threads that share the file. */
	struct mutex lock;
	u64 seen;
};

/* The request without the size of its argument, which grows. */
#define IOC_BARE(cmd)	((cmd) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))

/* 0 would be none. */
static u64 next_cookie(struct vmgenc *vg)
{
	return atomic64_inc_return(&vg->cookie) ?: atomic64_inc_return(&vg->cookie);
}

static int vmgenc_open(struct inode *inode, struct file *file)
{
	struct vmgenc *vg = container_of(file->private_data, struct vmgenc,
					 misc);
	bool privileged = vmgenc_is_privileged();
	struct vmgenc_file *vf;

	if (!(file->f_mode & FMODE_READ))
		return -EINVAL;
	if ((file->f_mode & FMODE_WRITE) && !privileged)
		return -EPERM;
	vf = kzalloc(sizeof(*vf), GFP_KERNEL);
	if (!vf)
		return -ENOMEM;
	vf->vg = vg;
	vf->privileged = privileged;
	vf->cookie = next_cookie(vg);
	mutex_init(&vf->lock);
	file->private_data = vf;
	return stream_open(inode, file);
}

static int vmgenc_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static struct wait_queue_head *queue_of(const struct vmgenc_file *vf)
{
	return vmgenc_waiters_queue(vf->vg, vf->privileged);
}

static bool has_news(struct vmgenc_file *vf)
{
	return vmgenc_record(vf->vg).generation != READ_ONCE(vf->seen);
}

/* For the caller, who compares the time with a clock that a name space may have moved. */
static struct vmgenid_record record_for_caller(struct vmgenc *vg)
{
	struct vmgenid_record record = vmgenc_record(vg);
	struct timespec64 time;

	if (record.changed_boottime_ns) {
		time = ns_to_timespec64(record.changed_boottime_ns);
		timens_add_boottime(&time);
		/* 0 would be no change. */
		record.changed_boottime_ns = timespec64_to_ns(&time) ?: 1;
	}
	return record;
}

/*
 * Returns: bytes copied; -EAGAIN: nothing new, or another thread is at it and
 * this one must not wait; -EFAULT: nothing consumed.
 */
static ssize_t take_news(struct vmgenc_file *vf, char __user *buf, size_t size,
			 bool nonblock)
{
	struct vmgenid_record record;
	ssize_t ret = -EAGAIN;

	if (nonblock && !mutex_trylock(&vf->lock))
		return -EAGAIN;
	if (!nonblock && mutex_lock_interruptible(&vf->lock))
		return -ERESTARTSYS;
	record = record_for_caller(vf->vg);
	if (record.generation == vf->seen)
		goto out;
	ret = -EFAULT;
	if (copy_to_user(buf, &record, size))
		goto out;
	WRITE_ONCE(vf->seen, record.generation);
	ret = size;
out:
	mutex_unlock(&vf->lock);
	return ret;
}

static ssize_t vmgenc_read(struct file *file, char __user *buf, size_t size,
			   loff_t *pos)
{
	struct vmgenc_file *vf = file->private_data;
	struct vmgenc *vg = vf->vg;
	ssize_t ret;
	int err;

	if (size != sizeof(struct vmgenid_record) && size != sizeof(u64))
		return -EINVAL;
	if (file->f_flags & O_NONBLOCK)
		return vmgenc_notice(vg, VMGENID_SOURCE_CALL) ?
			       -EAGAIN :
			       take_news(vf, buf, size, true);
	for (;;) {
		err = vmgenc_wait_settled(vg, vf->privileged);
		if (err)
			return err;
		ret = take_news(vf, buf, size, false);
		if (ret != -EAGAIN)
			return ret;
		err = wait_event_interruptible(*queue_of(vf),
					       has_news(vf) || vmgenc_differs(vg));
		if (err)
			return err;
	}
}

static __poll_t vmgenc_poll(struct file *file, poll_table *table)
{
	struct vmgenc_file *vf = file->private_data;
	struct vmgenc *vg = vf->vg;

	poll_wait(file, queue_of(vf), table);
	/* Not ready while it is settled: the worker wakes all who poll. */
	if (vmgenc_notice(vg, VMGENID_SOURCE_CALL))
		return 0;
	return has_news(vf) ? EPOLLIN | EPOLLRDNORM : 0;
}

/*
 * Where memory is encrypted, memremap() decides by what the firmware calls the region
 * whether this page is, and ignores what it is asked for; a second mapping might differ.
 */
static bool raw_page_allowed(const struct file *file, const struct vmgenc_device *dev)
{
	return (file->f_mode & FMODE_WRITE) && !dev->kind->counts &&
	       !cc_platform_has(CC_ATTR_MEM_ENCRYPT) &&
	       offset_in_page(dev->phys) + VMGENID_ID_SIZE <= PAGE_SIZE;
}

/*
 * Write-back, as the kernel's own mapping: on x86 PAT keeps track of both and gives the
 * second the type of the first; arm64 has no other for memory.
 */
static int map_raw_page(const struct file *file, struct vm_area_struct *vma,
			const struct vmgenc *vg)
{
	const struct vmgenc_device *dev = READ_ONCE(vg->device);

	if (!(file->f_mode & FMODE_WRITE))
		return -EACCES;
	if (!raw_page_allowed(file, dev))
		return -EOPNOTSUPP;
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(dev->phys),
			       PAGE_SIZE, vma->vm_page_prot);
}

static int vmgenc_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vmgenc *vg = ((struct vmgenc_file *)file->private_data)->vg;

	if (vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	/* mmap(2) takes VM_SHARED off a file that is not open for writing. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE);

	switch (vma->vm_pgoff) {
	case 0:
		return vm_insert_page(vma, vma->vm_start,
				      virt_to_page(vg->page));
	case 1:
		return map_raw_page(file, vma, vg);
	}
	return -EINVAL;
}

static bool differs_from(struct vmgenc *vg, u64 known)
{
	return vmgenc_record(vg).generation != known || vmgenc_differs(vg);
}

/* A call that the kernel restarts would begin its timeout again. */
static int interrupted(s64 timeout_ns)
{
	return timeout_ns < 0 ? -ERESTARTSYS : -EINTR;
}

static long ioctl_wait(struct vmgenc_file *vf, void __user *arg)
{
	struct vmgenc *vg = vf->vg;
	struct vmgenid_wait wait;
	ktime_t end = KTIME_MAX;
	ktime_t left = KTIME_MAX;
	long err;

	if (copy_from_user(&wait, arg, sizeof(wait)))
		return -EFAULT;
	if (wait.cookie && wait.cookie != vf->cookie)
		return -ESTALE;
	if (wait.timeout_ns >= 0)
		end = ktime_add_safe(ktime_get(), ns_to_ktime(wait.timeout_ns));
	for (;;) {
		if (vmgenc_wait_settled(vg, vf->privileged))
			return interrupted(wait.timeout_ns);
		wait.record = record_for_caller(vg);
		if (wait.record.generation != wait.known)
			break;
		if (end != KTIME_MAX)
			left = ktime_sub(end, ktime_get());
		if (left <= 0)
			return -ETIMEDOUT;
		/* The loop finds out about a timeout, after another look. */
		err = wait_event_interruptible_hrtimeout(*queue_of(vf),
							 differs_from(vg, wait.known),
							 left);
		if (err == -ERESTARTSYS)
			return interrupted(wait.timeout_ns);
	}
	return copy_to_user(arg, &wait, sizeof(wait)) ? -EFAULT : 0;
}

static void describe_id(const struct file *file, const struct vmgenc_device *dev,
			struct vmgenc_id id, struct vmgenid_info *info)
{
	info->id_offset = offset_in_page(dev->phys);
	if (IS_ENABLED(CONFIG_VMGENID))
		info->flags |= VMGENID_INFO_INTREE;
	if (vmgenc_id_valid(id))
		info->flags |= VMGENID_INFO_ID_VALID;
	if (raw_page_allowed(file, dev))
		info->flags |= VMGENID_INFO_RAW_PAGE;
	if (file->f_mode & FMODE_WRITE) {
		info->flags |= VMGENID_INFO_ID_SHOWN;
		memcpy(info->id, &id, sizeof(info->id));
	}
}

static struct vmgenid_info describe(const struct file *file, struct vmgenc *vg)
{
	const struct vmgenc_device *dev;
	struct vmgenc_id id;
	struct vmgenid_info info = {
		.version = VMGENID_ABI_VERSION,
		.spurious_notifies = atomic64_read(&vg->spurious_notifies),
	};

	BUILD_BUG_ON(sizeof(info) != VMGENID_INFO_SIZE_VER1);
	spin_lock(&vg->lock);
	/* The ID that this generation stands for. */
	dev = vg->device;
	id = dev->settled;
	info.generation = vg->record.generation;
	info.found_by_call = vg->found_by[VMGENID_SOURCE_CALL];
	info.found_by_resume = vg->found_by[VMGENID_SOURCE_RESUME];
	info.found_by_timer = vg->found_by[VMGENID_SOURCE_TIMER];
	info.lost_ids = vg->lost_ids;
	if (vg->id_untrusted)
		info.flags |= VMGENID_INFO_ID_UNTRUSTED;
	spin_unlock(&vg->lock);
	info.changes = info.generation - 1;
	memcpy(info.hid, dev->hid, sizeof(info.hid));

	if (READ_ONCE(dev->notifies))
		info.flags |= VMGENID_INFO_NOTIFIES;
	if (dev->kind->counts)
		info.flags |= VMGENID_INFO_COUNTER;
	else
		describe_id(file, dev, id, &info);
	return info;
}

static long ioctl_info(struct file *file, unsigned int size, void __user *arg)
{
	struct vmgenc_file *vf = file->private_data;
	struct vmgenid_info info;
	long err;

	if (size < VMGENID_INFO_SIZE_VER1)
		return -EINVAL;
	if (copy_from_user(&info, arg, offsetofend(struct vmgenid_info, flags)))
		return -EFAULT;
	if (info.size != size || info.flags)
		return -EINVAL;
	err = vmgenc_wait_settled(vf->vg, vf->privileged);
	if (err)
		return err;
	info = describe(file, vf->vg);
	info.cookie = vf->cookie;
	info.size = min_t(unsigned int, size, sizeof(info));
	return copy_to_user(arg, &info, info.size) ? -EFAULT : 0;
}

static long vmgenc_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (IOC_BARE(cmd)) {
	case IOC_BARE(VMGENID_WAIT):
		if (_IOC_SIZE(cmd) != sizeof(struct vmgenid_wait))
			return -EINVAL;
		return ioctl_wait(file->private_data, uarg);
	case IOC_BARE(VMGENID_INFO):
		return ioctl_info(file, _IOC_SIZE(cmd), uarg);
	}
	return -ENOTTY;
}

/* The owner keeps the module from being unloaded while a file is open. */
static const struct file_operations vmgenc_fops = {
	.owner = THIS_MODULE,
	.open = vmgenc_open,
	.release = vmgenc_release,
	.read = vmgenc_read,
	.poll = vmgenc_poll,
	.mmap = vmgenc_mmap,
	.unlocked_ioctl = vmgenc_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.fasync = vmgenc_waiters_fasync,
	.llseek = noop_llseek,
};

/* What the in-tree driver of 6.8.0 to 6.8.7 sent; udev rules for it exist. */
static void send_uevent(struct vmgenc *vg)
{
	/* Pairs with the store-release in vmgenc_chardev_init(). */
	struct device *dev = smp_load_acquire(&vg->dev);
	char *env[] = { "NEW_VMGENID=1", NULL };

	if (dev)
		kobject_uevent_env(&dev->kobj, KOBJ_CHANGE, env);
}

const struct vmgenc_listener vmgenc_chardev_listener = {
	.announce = send_uevent,
};

int vmgenc_chardev_init(struct vmgenc *vg)
{
	int err;

	vg->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = "vmgenid",
		.fops = &vmgenc_fops,
		.parent = vg->device->parent,
		/* What takes a right is up to vmgenc_open(). */
		.mode = 0666,
	};
	/* At random, because files of a module that was loaded before have had others. */
	atomic64_set(&vg->cookie, get_random_u64());
	err = misc_register(&vg->misc);
	if (err)
		return err;
	/* Pairs with the load-acquire in send_uevent(). */
	smp_store_release(&vg->dev, vg->misc.this_device);
	return 0;
}

void vmgenc_chardev_exit(struct vmgenc *vg)
{
	WRITE_ONCE(vg->dev, NULL);
	/* An event that is being sent still uses the device. */
	kthread_flush_worker(vg->worker);
	misc_deregister(&vg->misc);
}
