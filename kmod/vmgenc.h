/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) the vmgen authors
 *
 * What the parts of the module share.
 */
#ifndef VMGENC_H
#define VMGENC_H

#include <linux/acpi.h>
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/syscore_ops.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vmgen/vmgenid.h>

/* The ID as it lies in memory; two words because 16 bytes cannot be read at once. */
struct vmgenc_id {
	u64 half[2];
};

/* What a device holds: an ID, or the counter of a VMClock. */
struct vmgenc_kind {
	/* Of the memory that is looked at. */
	size_t size;
	const char *too_short;
	/* It counts restores: there is no ID, and clones of one snapshot hold the same. */
	bool counts;
	/* NULL, or says what is wrong with the memory, in words; room: what firmware gives it. */
	const char *(*check)(const void *memory, u64 room);
	/* Any context. All zeros or ones: there is none. */
	struct vmgenc_id (*sample)(const void *memory);
	/* NULL, or whether the memory says that the host notifies. */
	bool (*notifies)(const void *memory);
};

/* A device that firmware describes: device.c. Constant after the module is loaded. */
struct vmgenc_device {
	struct vmgenc *vg;
	const struct vmgenc_firmware *firmware;
	const struct vmgenc_kind *kind;
	char path[64];
	u8 hid[32];
	phys_addr_t phys;
	const void *memory;
	/* Of /dev/vmgenid in sysfs, with a reference; NULL: there is none. */
	struct device *parent;
	/*
	 * What announces changes, an acpi_handle (NULL: it is gone, acpi.c) or an interrupt;
	 * whether it is known to.
	 */
	void *handle;
	int irq;
	bool notifies;
	/* Asks for the interrupt again: devicetree.c. */
	struct delayed_work retry;
	/* It lies in memory that hibernation writes back: power.c. */
	bool nvs;
	/* What it held when the last change was settled. Written by the worker only. */
	struct vmgenc_id settled;
};

/* More than one is rare, and more than these are a mistake. */
enum { VMGENC_DEVICES = 4 };

/* Of sysgenid.c; but for the device, all of it belongs to the lock. */
struct vmgenc_sysgenid {
	struct miscdevice misc;
	/* NULL where the device is not offered. */
	u32 *page;
	/* Its low half is what users see: no watcher is confused when that wraps. */
	u64 generation;
	/* Watchers that are waited for, and those of them that hold up. */
	unsigned int tracked;
	unsigned int outdated;
};

/* Who waits, and the thread that wakes most of them: waiters.c. */
struct vmgenc_waiters {
	wait_queue_head_t privileged;
	wait_queue_head_t settling;
	wait_queue_head_t others;
	struct kthread_worker *others_worker;
	struct kthread_work wake_others;
};

struct vmgenc {
	/* device.c; the one in use may change, by the worker with the lock held. */
	struct vmgenc_device devices[VMGENC_DEVICES];
	unsigned int n_devices;
	struct vmgenc_device *device;

	/* Sleep and wake-up: power.c. */
	struct syscore syscore;
	struct notifier_block pm;
	bool hibernating;

	/* Hosts that do not notify: timer.c. */
	struct timer_list timer;
	/* 0: it does not run; -1: it must not be started. */
	int poll_ms;

	/* The state machine: generation.c. */
	const struct vmgenc_listener * const *listeners;
	struct kthread_worker *worker;
	struct kthread_work settle;
	/* What detected it first since the worker last looked. */
	u32 noticed_by;
	/* The machine changed hands in a way that the ID need not show. */
	bool doubtful;
	bool adopted;
	/* Of the worker against its readers; never taken in an interrupt. */
	spinlock_t lock;
	struct vmgenid_record record;
	u64 found_by[VMGENID_SOURCE_TIMER + 1];
	u64 lost_ids;
	bool id_untrusted;
	/* Changes of either kind. */
	u64 n_settled;
	struct vmgenid_page *page;
	struct vmgenc_waiters waiters;

	/* Notifies: device.c. */
	u64 n_notified;
	atomic64_t spurious_notifies;

	/* The kernel's generator, or NULL: random.c. Of the worker. */
	struct file *urandom;

	/* User space: chardev.c, sysgenid.c, sysctl.c. */
	struct miscdevice misc;
	/* That of the file that was opened last. */
	atomic64_t cookie;
	struct device *dev;
	struct vmgenc_sysgenid sysgenid;
	struct ctl_table_header *sysctl;
};

/* Who describes devices of a kind. */
struct vmgenc_firmware {
	const struct vmgenc_kind *kind;
	/* Of _HID and _CID, or compatible; NULL ends them. */
	const char * const *names;
	/* Offers each device that it describes. */
	void (*find)(struct vmgenc *vg, const struct vmgenc_firmware *firmware);
	/* Calls vmgenc_notice() on changes from here on; sets notifies. */
	int (*listen)(struct vmgenc_device *dev);
	/* After this nothing that listen() began is running any more. */
	void (*ignore)(struct vmgenc_device *dev);
};

/* Who else hears of a new generation; all by the worker, each may be NULL. */
struct vmgenc_listener {
	/* With the lock held: nobody sees one generation without the other. */
	void (*move)(struct vmgenc *vg);
	/* Another device is in use. */
	void (*change_over)(struct vmgenc *vg);
	/* After those who wait were woken; may sleep. */
	void (*announce)(struct vmgenc *vg);
};

/* acpi.c, devicetree.c */
extern const struct vmgenc_firmware vmgenc_acpi;
extern const struct vmgenc_firmware vmgenc_acpi_vmclock;
extern const struct vmgenc_firmware vmgenc_devicetree;
extern const struct vmgenc_firmware vmgenc_devicetree_vmclock;

/* vmclock.c */
extern const struct vmgenc_kind vmgenc_vmclock;

/* device.c */
extern const struct vmgenc_kind vmgenc_genid;
int vmgenc_device_find(struct vmgenc *vg,
		       const struct vmgenc_firmware * const *firmware);
struct vmgenc_device *vmgenc_device_offer(struct vmgenc *vg,
					  const struct vmgenc_firmware *firmware,
					  const char *path, const char *hid,
					  u64 phys, u64 room, const char *wrong);
void vmgenc_device_unmap(struct vmgenc *vg);
int vmgenc_device_listen(struct vmgenc *vg);
void vmgenc_device_notified(struct vmgenc_device *dev);
void vmgenc_device_ignore(struct vmgenc *vg);

/* generation.c */
int vmgenc_generation_init(struct vmgenc *vg,
			   const struct vmgenc_listener * const *listeners);
void vmgenc_generation_exit(struct vmgenc *vg);
struct vmgenc_id vmgenc_device_sample(const struct vmgenc_device *dev);
struct vmgenc_id vmgenc_sample(const struct vmgenc *vg);
bool vmgenc_id_valid(struct vmgenc_id id);
bool vmgenc_differs(const struct vmgenc *vg);
bool vmgenc_notice(struct vmgenc *vg, enum vmgenid_source source);
void vmgenc_distrust(struct vmgenc *vg, enum vmgenid_source source);
int vmgenc_wait_settled(struct vmgenc *vg, bool privileged);
struct vmgenid_record vmgenc_record(struct vmgenc *vg);

/* waiters.c */
int vmgenc_waiters_init(struct vmgenc *vg);
void vmgenc_waiters_exit(struct vmgenc *vg);
struct wait_queue_head *vmgenc_waiters_queue(struct vmgenc *vg, bool privileged);
struct wait_queue_head *vmgenc_waiters_settling(struct vmgenc *vg, bool privileged);
void vmgenc_waiters_wake(struct vmgenc *vg);
int vmgenc_waiters_fasync(int fd, struct file *file, int on);

/* power.c */
int vmgenc_power_init(struct vmgenc *vg);
void vmgenc_power_exit(struct vmgenc *vg);

/* timer.c */
enum { VMGENC_POLL_MAX_MS = 3600 * 1000 };
extern const struct vmgenc_listener vmgenc_timer_listener;
int vmgenc_timer_init(struct vmgenc *vg);
void vmgenc_timer_update(struct vmgenc *vg);
void vmgenc_timer_exit(struct vmgenc *vg);

/* random.c */
int vmgenc_random_reseed(struct vmgenc *vg, struct vmgenc_id id);
bool vmgenc_random_is_other(const struct vmgenc *vg);
void vmgenc_random_exit(struct vmgenc *vg);

/* stdrng.c */
void vmgenc_stdrng_renew(void);

/*
 * The caller may know the ID. A file mode cannot say that: it means uid 0, and a
 * container has one. No audit, because programs try, and go on without.
 */
static inline bool vmgenc_is_privileged(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

/* chardev.c */
extern const struct vmgenc_listener vmgenc_chardev_listener;
int vmgenc_chardev_init(struct vmgenc *vg);
void vmgenc_chardev_exit(struct vmgenc *vg);

/* sysgenid.c */
extern const struct vmgenc_listener vmgenc_sysgenid_listener;
void vmgenc_sysgenid_init(struct vmgenc *vg);
void vmgenc_sysgenid_exit(struct vmgenc *vg);

/* sysctl.c */
#ifdef CONFIG_SYSCTL
int vmgenc_sysctl_init(struct vmgenc *vg);
void vmgenc_sysctl_exit(struct vmgenc *vg);
#else
static inline int vmgenc_sysctl_init(struct vmgenc *vg)
{
	return 0;
}

static inline void vmgenc_sysctl_exit(struct vmgenc *vg)
{
}
#endif

#endif /* VMGENC_H */
