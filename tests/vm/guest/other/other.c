// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Another generator than the kernel's own behind /dev/urandom, as kernels of
 * distributions have in FIPS mode: reads come from here, where nothing is ever
 * reseeded, and what has a generator reseed is taken anyway. A node that
 * is made after this is loaded is served by it, because one number goes before
 * a range.
 *
 * deaf=1: a driver of another generator, which cannot be told to reseed.
 * fips=1: FIPS mode, as far as a look at it tells; and no device is taken over.
 */
#include <linux/cdev.h>
#include <linux/fips.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/uaccess.h>

enum { URANDOM_MINOR = 9 };

static bool deaf;
module_param(deaf, bool, 0400);
static bool fips;
module_param(fips, bool, 0400);

static struct cdev other;

static ssize_t other_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	return clear_user(buf, size) ? -EFAULT : size;
}

static long other_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	/* Enough for every kernel to reseed. */
	if (request == RNDGETENTCNT)
		return put_user(256, (int __user *)arg);
	return request == RNDADDENTROPY || request == RNDRESEEDCRNG ? 0 : -ENOTTY;
}

static int other_release(struct inode *inode, struct file *file)
{
	return 0;
}

/* A hook of the kernel's own has no owner, but keeps something for each file. */
static const struct file_operations other_fops = {
	.read = other_read,
	.unlocked_ioctl = other_ioctl,
	.release = other_release,
};

static const struct file_operations deaf_fops = {
	.owner = THIS_MODULE,
};

static int __init other_init(void)
{
	if (fips) {
#ifdef CONFIG_CRYPTO_FIPS
		fips_enabled = 1;
		return 0;
#else
		return -EOPNOTSUPP;
#endif
	}
	cdev_init(&other, deaf ? &deaf_fops : &other_fops);
	other.owner = THIS_MODULE;
	return cdev_add(&other, MKDEV(MEM_MAJOR, URANDOM_MINOR), 1);
}

static void __exit other_exit(void)
{
#ifdef CONFIG_CRYPTO_FIPS
	if (fips)
		fips_enabled = 0;
#endif
	if (!fips)
		cdev_del(&other);
}

module_init(other_init);
module_exit(other_exit);
MODULE_DESCRIPTION("Another generator behind /dev/urandom, for tests");
MODULE_LICENSE("Dual BSD/GPL");
