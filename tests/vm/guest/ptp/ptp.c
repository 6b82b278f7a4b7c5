// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Plays the clock of a host that KVM or Hyper-V shows its guests, where there is
 * neither. What it tells is written to the parameter "host", in ns; from there it goes
 * on by itself, and stands still while the guest does.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/timekeeping.h>

static s64 ahead;
static struct ptp_clock *clock;

static int set_host(const char *text, const struct kernel_param *parameter)
{
	s64 host;
	int r = kstrtos64(text, 0, &host);

	if (!r)
		WRITE_ONCE(ahead, host - (s64)ktime_get_raw_ns());
	return r;
}

static const struct kernel_param_ops host_ops = { .set = set_host };
module_param_cb(host, &host_ops, NULL, 0200);

/* As the driver calls it. */
static char *name = "KVM virtual PTP";
module_param(name, charp, 0444);

static int gettime(struct ptp_clock_info *info, struct timespec64 *ts)
{
	*ts = ns_to_timespec64((s64)ktime_get_raw_ns() + READ_ONCE(ahead));
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
	.adjfine = adjfine,
	.adjtime = adjtime,
	.gettime64 = gettime,
	.settime64 = settime,
	.enable = enable,
};

static int __init ptp_init(void)
{
	strscpy(info.name, name, sizeof(info.name));
	clock = ptp_clock_register(&info, NULL);
	return PTR_ERR_OR_ZERO(clock);
}

static void __exit ptp_exit(void)
{
	ptp_clock_unregister(clock);
}

module_init(ptp_init);
module_exit(ptp_exit);
MODULE_DESCRIPTION("Plays the clock of a host, for tests");
MODULE_LICENSE("Dual BSD/GPL");
