/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause) */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/sysgenid: the System Generation ID, for programs that were written for
 * it (AWS-LC, and all that is built on it). New programs use <vmgen/vmgenid.h>.
 *
 * The interface is that of the SysGenID patches for Linux (version 8, March
 * 2021), which Amazon Linux carries. What it leaves open is decided here.
 *
 * The generation of this device is 32 bits wide, in the machine's byte order,
 * starts at 0 each time the module is loaded and wraps. Compare it with !=. It
 * moves by one with each change of the Virtual Machine Generation ID, and by
 * SYSGENID_TRIGGER_GEN_UPDATE; never without a reason, because AWS-LC ends the
 * process when it moves while random bytes are made.
 *
 * It moves after the kernel's random number generator has reseeded, so who
 * sees it move may draw from getrandom(2) at once. It moves even if that reseed
 * could not be had, because what programs keep is stale in any case; only
 * /dev/vmgenid can say so (VMGENID_RNG_STALE).
 *
 * It moves after the generation of /dev/vmgenid. Only those who map both can
 * see the one without the other.
 *
 * An open file is a watcher. It is outdated from when the generation moves
 * until the new one is written to it. Processes that share an open file (fork,
 * dup) are one watcher.
 *
 * The node has mode 0444 and belongs to root. Anyone who cannot write to it cannot
 * confirm a generation: an open file of theirs stays outdated, and they open
 * another one, which begins with the present generation.
 *
 * The device is there unless the module was loaded with sysgenid=0, or the name
 * was taken: another driver's /dev/sysgenid is left alone.
 *
 * read(2)
 *	Waits until this open file is outdated, and returns the generation: 4
 *	bytes into a buffer of 4 or more, none into an empty one, else EINVAL.
 *	Looks at the hypervisor's memory first: what it returns is never stale.
 *	Confirms nothing, so the next read returns at once too. O_NONBLOCK:
 *	EAGAIN when it would wait, also while a change is being settled. EINTR:
 *	a signal.
 *
 * write(2)
 *	Confirms the generation: 4 bytes, else ENOBUFS. EINVAL: it is another
 *	one by now.
 *
 * poll(2)
 *	POLLIN while this open file is outdated. O_ASYNC, a signal: not offered;
 *	fcntl(2) gives EINVAL. All who wait are told, and in the order that
 *	<vmgen/vmgenid.h> gives.
 *
 * mmap(2), read-only, offset 0, up to one page
 *	A page that begins with the generation. PROT_WRITE: EPERM, and
 *	mprotect(2) to PROT_WRITE is refused. Other offsets and lengths: EINVAL.
 *
 * ioctl(2)
 *	Arguments are passed by value. Unknown requests: EINVAL.
 */
#ifndef VMGEN_SYSGENID_H
#define VMGEN_SYSGENID_H

#include <linux/ioctl.h>

#define SYSGENID_IOCTL			0xE4

/*
 * Has SYSGENID_WAIT_WATCHERS wait for this watcher (argument not 0), or no
 * longer (0, as at first). A watcher that is closed is forgotten.
 * EACCES: the descriptor is not open for writing, so it could never confirm,
 * and all would wait for it for ever.
 */
#define SYSGENID_SET_WATCHER_TRACKING	_IO(SYSGENID_IOCTL, 1)

/*
 * Looks at the hypervisor's memory, then waits until no watcher that is tracked
 * is outdated. The argument is a timeout in milliseconds; 0 waits for ever.
 * ETIME: the time is over. EINTR: the generation moved and this descriptor is
 * outdated itself, or a signal; after a signal a call without a timeout is
 * restarted where the signal's handler allows that.
 */
#define SYSGENID_WAIT_WATCHERS		_IO(SYSGENID_IOCTL, 2)

/*
 * Has the kernel's generator reseed, then moves the generation of this device
 * (not that of /dev/vmgenid) by one, or on to the argument if that is greater.
 * EACCES: the caller has neither CAP_CHECKPOINT_RESTORE nor CAP_SYS_ADMIN in
 * the initial user namespace. EINVAL: the argument is more than 2^31 ahead, or
 * has more than 32 bits.
 */
#define SYSGENID_TRIGGER_GEN_UPDATE	_IO(SYSGENID_IOCTL, 3)

#endif /* VMGEN_SYSGENID_H */
