// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Makes the kernel's random number generator take in a new ID and reseed at
 * once. add_vmfork_randomness() would do both, but is not exported where the
 * in-tree driver is built in and does not exist where it is switched off, so
 * the reseed goes through the ioctl of /dev/urandom that administrators use.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/random.h>
#include "vmgenc.h"

enum { URANDOM_MINOR = 9 };

static struct file *open_urandom(void)
{
	struct file *file;
	struct inode *inode;

	file = filp_open("/dev/urandom", O_RDONLY, 0);
	if (IS_ERR(file))
		return file;
	inode = file_inode(file);
	if (!S_ISCHR(inode->i_mode) ||
	    inode->i_rdev != MKDEV(MEM_MAJOR, URANDOM_MINOR) ||
	    !file->f_op->unlocked_ioctl) {
		filp_close(file, NULL);
		return ERR_PTR(-ENODEV);
	}
	return file;
}

/*
 * By the process that loads the module: kernel threads need not have a file
 * system with /dev in it. A failure is told when the generator is to reseed.
 */
void vmgenc_random_init(struct vmgenc *vg)
{
	vg->urandom = open_urandom();
}

/*
 * Only for the worker: the ioctl asks for capabilities of the caller, which a
 * kernel thread has and the process that loads the module may lack.
 *
 * Clones of one snapshot see the same counter of a VMClock, but what else it shows
 * may tell them apart.
 *
 * Returns: 0, also if the generator is not seeded yet (it takes the ID in when
 * it is); else why /dev/urandom could not be opened or would not reseed.
 */
int vmgenc_random_reseed(struct vmgenc *vg, struct vmgenc_id id)
{
	struct file *file = vg->urandom;
	long err;

	add_device_randomness(&id, sizeof(id));
	if (vg->device->kind->counts)
		add_device_randomness(vg->device->memory, vg->device->kind->size);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = file->f_op->unlocked_ioctl(file, RNDRESEEDCRNG, 0);
	return err == -ENODATA ? 0 : err;
}

void vmgenc_random_exit(struct vmgenc *vg)
{
	if (!IS_ERR(vg->urandom))
		filp_close(vg->urandom, NULL);
}
