/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) the vmgen authors
 *
 * The module is written for the newest kernel. This header, included before
 * everything else, supplies what older ones lack, and is the only place that
 * knows version numbers.
 */
#ifndef VMGENC_COMPAT_H
#define VMGENC_COMPAT_H

#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/sysctl.h>
#include <linux/version.h>

/* In 5.10.119 the generator began to take in all that is mixed in on a reseed. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 119)
#error "vmgenc needs Linux 5.10.119 or newer"
#endif

#ifndef CONFIG_64BIT
#error "vmgenc needs a 64-bit kernel"
#endif

#ifndef CONFIG_ACPI
#error "vmgenc needs a kernel with CONFIG_ACPI"
#endif

/* 5.18 brought the notifier; without CONFIG_VMGENID it never calls. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 18, 0)
static inline int register_random_vmfork_notifier(struct notifier_block *nb)
{
	return 0;
}

static inline int unregister_random_vmfork_notifier(struct notifier_block *nb)
{
	return 0;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set,
				vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

/* From 6.6 on register_sysctl() is a macro over register_sysctl_sz(). */
#ifndef register_sysctl
#define register_sysctl_sz(path, table, size) register_sysctl(path, table)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define COMPAT_CTL_CONST
#else
#define COMPAT_CTL_CONST const
#endif

/* Until 6.13 a worker was created running. */
#ifndef kthread_run_worker
#define kthread_run_worker kthread_create_worker
#endif

#endif /* VMGENC_COMPAT_H */
