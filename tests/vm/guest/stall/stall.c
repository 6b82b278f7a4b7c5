// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Stalls vmgenc's worker where it is about to reseed the kernel's generator.
 * A program that is told too early has all the time there is to draw stale numbers then,
 * on another CPU, so that a test can see it.
 */
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

enum { STALL_MS = 100 };

static int stall(struct kprobe *probe, struct pt_regs *regs)
{
	ktime_t end = ktime_add_ms(ktime_get(), STALL_MS);

	if (strcmp(current->comm, "vmgenc"))
		return 0;
	/* By the clock: mdelay() can be too short where time is emulated. */
	while (ktime_before(ktime_get(), end))
		cpu_relax();
	return 0;
}

/* The ioctl of /dev/urandom. */
static struct kprobe probe = {
	.symbol_name = "random_ioctl",
	.pre_handler = stall,
};

static int __init stall_init(void)
{
	return register_kprobe(&probe);
}

static void __exit stall_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(stall_init);
module_exit(stall_exit);
MODULE_DESCRIPTION("Makes the moment before a reseed long, for tests");
MODULE_LICENSE("Dual BSD/GPL");
