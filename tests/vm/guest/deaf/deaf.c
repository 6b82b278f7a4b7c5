// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Takes the number of /dev/urandom over, as drivers of other generators do, with a
 * device that cannot be told to reseed.
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/module.h>

enum { URANDOM_MINOR = 9 };

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static struct cdev cdev;

static int __init deaf_init(void)
{
	cdev_init(&cdev, &fops);
	cdev.owner = THIS_MODULE;
	return cdev_add(&cdev, MKDEV(MEM_MAJOR, URANDOM_MINOR), 1);
}

static void __exit deaf_exit(void)
{
	cdev_del(&cdev);
}

module_init(deaf_init);
module_exit(deaf_exit);
MODULE_DESCRIPTION("A generator that does not reseed, for tests");
MODULE_LICENSE("Dual BSD/GPL");
