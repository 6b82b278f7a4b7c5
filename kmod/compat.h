/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) the vmgen authors
 *
 * The module is written for the newest kernel. This header, included before
 * everything else, supplies what older ones lack. Kbuild looks into the headers
 * for what they have (have.awk), so that a backport does no harm.
 */
#ifndef VMGENC_COMPAT_H
#define VMGENC_COMPAT_H

#include <crypto/rng.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/syscore_ops.h>
#include <linux/sysctl.h>
#include <linux/timer.h>

#ifdef COMPAT_PROBE
/* A header that 5.10 got late. */
#if __has_include("linux/cc_platform.h")
#include <linux/cc_platform.h>
#endif
#else
#include <have.h>

/* With this the generator began to take in all that is mixed in on a reseed. */
#ifndef COMPAT_HAVE_RANDOM_INIT
#error "vmgenc needs Linux 5.10.119 or newer"
#endif

#ifndef CONFIG_64BIT
#error "vmgenc needs a 64-bit kernel"
#endif

#if !defined(CONFIG_ACPI) && !defined(CONFIG_OF)
#error "vmgenc needs a kernel with CONFIG_ACPI or CONFIG_OF"
#endif

#ifndef COMPAT_HAVE_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set,
				vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#ifdef COMPAT_HAVE_CC_PLATFORM_HAS
#include <linux/cc_platform.h>
#else
#include <linux/mem_encrypt.h>
#define cc_platform_has(attribute) mem_encrypt_active()
#endif

#ifndef COMPAT_HAVE_REGISTER_SYSCTL_SZ
#define register_sysctl_sz(path, table, size) register_sysctl(path, table)
#endif

#ifdef COMPAT_HAVE_CONST_CTL_TABLE
#define COMPAT_CTL_CONST const
#else
#define COMPAT_CTL_CONST
#endif

/* 6.9 lets drivers share an interrupt that one of them keeps masked meanwhile. */
#ifndef IRQF_COND_ONESHOT
#define IRQF_COND_ONESHOT 0
#endif

/* Until 6.13 a worker was created running. */
#ifndef COMPAT_HAVE_KTHREAD_RUN_WORKER
#define kthread_run_worker kthread_create_worker
#endif

#ifndef COMPAT_HAVE_TIMER_DELETE_SYNC
#define timer_delete_sync del_timer_sync
#endif

#ifndef COMPAT_HAVE_TIMER_CONTAINER_OF
#define timer_container_of from_timer
#endif

/*
 * 6.19 gave the callbacks an argument and a new type, and 6.12 took that over.
 * Before it there is nowhere to keep the argument: a file can register one
 * structure, of which only resume is called.
 */
#ifndef COMPAT_HAVE_REGISTER_SYSCORE
struct compat_syscore_ops {
	void (*resume)(void *data);
};

struct syscore {
	const struct compat_syscore_ops *ops;
	void *data;
};

static struct syscore *compat_syscore;

static inline void compat_syscore_resume(void)
{
	compat_syscore->ops->resume(compat_syscore->data);
}

static struct syscore_ops compat_syscore_old = {
	.resume = compat_syscore_resume,
};

static inline void register_syscore(struct syscore *syscore)
{
	compat_syscore = syscore;
	register_syscore_ops(&compat_syscore_old);
}

static inline void unregister_syscore(struct syscore *syscore)
{
	unregister_syscore_ops(&compat_syscore_old);
}

#define syscore_ops compat_syscore_ops
#endif

#endif /* COMPAT_PROBE */
#endif /* VMGENC_COMPAT_H */
