// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Plays the clock of a host that KVM shows its guests, where there is no KVM. It
 * is ahead of this system's by some seconds.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/timekeeping.h>

static long ahead;
module_param(ahead, long, 0644);

static struct ptp_clock *clock;

static int gettime(struct ptp_clock_info *info, struct timespec64 *ts)
{
	ktime_get_real_ts64(ts);
	ts->tv_sec += ahead;
	return 0;
}

static int settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	return -EOPNOTSUPP;
}

static int adjfine(struct ptp_clock_info *info, long delta)
{
	return -EOPNOTSUPP;
}

static int adjtime(struct ptp_clock_info *info, s64 delta)
{
	return -EOPNOTSUPP;
}

static int enable(struct ptp_clock_info *info, struct ptp_clock_request *request, int on)
{
	return -EOPNOTSUPP;
}

static struct ptp_clock_info info = {
	.owner = THIS_MODULE,
	.name = "KVM virtual PTP",
	.adjfine = adjfine,
	.adjtime = adjtime,
	.gettime64 = gettime,
	.settime64 = settime,
	.enable = enable,
};

static int __init ptp_init(void)
{
	clock = ptp_clock_register(&info, NULL);
	return PTR_ERR_OR_ZERO(clock);
}

static void __exit ptp_exit(void)
{
	ptp_clock_unregister(clock);
}

module_init(ptp_init);
module_exit(ptp_exit);
MODULE_DESCRIPTION("Plays the clock of KVM, for tests");
MODULE_LICENSE("Dual BSD/GPL");
