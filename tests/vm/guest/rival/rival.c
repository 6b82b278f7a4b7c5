// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * A driver that has /dev/sysgenid before vmgenc comes, as some kernels have. All
 * that it does is to say who it is.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static ssize_t rival_read(struct file *file, char __user *buf, size_t size,
			  loff_t *pos)
{
	static const char name[] = "rival\n";

	return simple_read_from_buffer(buf, size, pos, name, sizeof(name) - 1);
}

static const struct file_operations rival_fops = {
	.owner = THIS_MODULE,
	.read = rival_read,
};

static struct miscdevice rival = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sysgenid",
	.fops = &rival_fops,
};

module_misc_device(rival);
MODULE_DESCRIPTION("Another driver of /dev/sysgenid, for tests");
MODULE_LICENSE("Dual BSD/GPL");
