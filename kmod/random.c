// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Makes the kernel's random number generator take in a new ID and reseed at
 * once. add_vmfork_randomness() would do both, but is not exported where the
 * in-tree driver is built in and does not exist where it is switched off, so
 * the reseed goes through the ioctl of /dev/urandom that administrators use.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fips.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/random.h>
#include "vmgenc.h"

enum { URANDOM_MINOR = 9 };

static struct file *open_inode(struct vfsmount *mnt)
{
	struct path path = { .mnt = mnt };
	struct inode *inode;
	struct file *file;

	inode = alloc_anon_inode(mnt->mnt_sb);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	init_special_inode(inode, S_IFCHR | 0400, MKDEV(MEM_MAJOR, URANDOM_MINOR));
	/* Takes the inode over, also if it fails. */
	path.dentry = d_make_root(inode);
	if (!path.dentry)
		return ERR_PTR(-ENOMEM);
	file = dentry_open(&path, O_RDONLY, current_cred());
	dput(path.dentry);
	return file;
}

/*
 * By an inode of its own, in the kernel's file system for such: a path would pin a
 * mount of the process that loads the module, and lead to what it has there.
 */
static struct file *open_urandom(void)
{
	struct file *anchor, *file;

	/* Only for its mount. Its operations outlive this module, as a fput() may. */
	anchor = anon_inode_getfile("[vmgenc]", &generic_ro_fops, NULL, O_RDONLY);
	if (IS_ERR(anchor))
		return anchor;
	file = open_inode(anchor->f_path.mnt);
	fput(anchor);
	if (!IS_ERR(file) && !file->f_op->unlocked_ioctl) {
		fput(file);
		return ERR_PTR(-ENODEV);
	}
	return file;
}

/*
 * Only for the worker: the ioctl asks for capabilities of the caller, which a
 * kernel thread has and the process that loads the module may lack.
 *
 * Clones of one snapshot see the same counter of a VMClock, but what else it shows
 * may tell them apart.
 *
 * Returns: 0, also if the generator is not seeded yet (it takes the ID in when
 * it is); else why the device could not be opened or would not reseed.
 */
int vmgenc_random_reseed(struct vmgenc *vg, struct vmgenc_id id)
{
	struct file *file = vg->urandom;
	long err;

	add_device_randomness(&id, sizeof(id));
	if (vg->device->kind->counts)
		add_device_randomness(vg->device->memory, vg->device->kind->size);
	if (!file)
		file = open_urandom();
	if (IS_ERR(file))
		return PTR_ERR(file);
	vg->urandom = file;
	err = file->f_op->unlocked_ioctl(file, RNDRESEEDCRNG, 0);
	/* Not seeded: nothing was drawn from it, and a draw would wait. */
	if (err == -ENODATA)
		return 0;
	vmgenc_stdrng_renew();
	return err;
}

/*
 * Reads may be served by another generator, whose files take RNDRESEEDCRNG all
 * the same: in FIPS mode distributions hand getrandom(2) and both devices over
 * to one of the crypto API. It need not be the one that stdrng.c can reach, and
 * nothing tells, so FIPS mode is taken for that. What else takes the device
 * over needs an owner or a release(); the kernel's own generator has neither.
 */
bool vmgenc_random_is_other(const struct vmgenc *vg)
{
	const struct file *file = vg->urandom;

	return fips_enabled ||
	       (file && (file->f_op->owner || file->f_op->release));
}

void vmgenc_random_exit(struct vmgenc *vg)
{
	if (vg->urandom)
		fput(vg->urandom);
}
