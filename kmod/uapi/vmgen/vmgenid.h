/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause) */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/vmgenid: tells programs that this virtual machine was cloned or
 * restored from a snapshot.
 *
 * The source of the event is the Virtual Machine Generation ID (UAPI.14
 * VMGenID; Microsoft, "Virtual Machine Generation ID", 2012): 16 bytes in
 * memory that the hypervisor owns and replaces while no virtual CPU runs.
 * The module turns each new ID into one step of a counter, the generation.
 *
 * The generation is 64 bits wide, starts at 1 each time the module is loaded
 * and only grows. Compare it with !=. It moves after the kernel's random
 * number generator has taken in the new ID and reseeded, so anyone who sees it
 * move may draw from getrandom(2) at once. If that reseed could not be had,
 * VMGENID_RNG_STALE is set in the record and in the page; if it may not be the
 * reseed of what getrandom(2) draws from, VMGENID_RNG_OTHER.
 *
 * The ID cannot tell a clone from a rollback; nothing here claims to.
 *
 * A machine may have several devices. The first that provides an ID is used, and
 * another one from when that provides none. This alone does not move the generation.
 * A VMClock with a generation counter is used where nothing provides an ID, and does
 * not take the place of an ID: see VMGENID_INFO_COUNTER.
 *
 * open(2)
 *	O_RDONLY is for everyone. O_RDWR is the privileged tier: it may map page
 *	1 and learns the ID from VMGENID_INFO. It takes CAP_SYS_ADMIN in the
 *	initial user namespace, else EPERM, and nothing else: the node has mode
 *	0666. That is checked here and not again, so a descriptor can be passed
 *	to a process that has no privileges. O_WRONLY: EINVAL.
 *
 * read(2)
 *	Returns struct vmgenid_record, or its first 8 bytes (the generation)
 *	into a buffer of 8 bytes; any other size: EINVAL. The first read of an
 *	open file returns at once; later ones wait until the generation differs
 *	from the one this open file returned last. Looks at the hypervisor's
 *	memory first: what it returns is never stale. O_NONBLOCK: EAGAIN when
 *	it would wait, also while a change is being settled. EINTR: a signal.
 *	EFAULT consumes nothing. Processes that share an open file (fork, dup)
 *	consume each other's events: those use VMGENID_WAIT.
 *
 * poll(2)
 *	POLLIN while the generation differs from the one this open file read
 *	last. Level-triggered; consumed by read, never by poll. Also by epoll,
 *	EPOLLEXCLUSIVE too, and io_uring: all are told, since each open file has
 *	a state of its own. O_ASYNC, a signal: not offered; fcntl(2) gives EINVAL.
 *
 * Who is told first
 *	The node is for everyone, and one open file may be polled any number of
 *	times. Those whose open file was opened with CAP_SYS_ADMIN in the initial
 *	user namespace, O_RDONLY too, are woken first, as fast as if nobody else
 *	waited, and then the calls that wait for a change to be settled. A thread
 *	that gives way to all wakes the others, 64 at once, and where there are
 *	more than that, not before 20 ms have passed. This counts for read, poll
 *	and VMGENID_WAIT. An epoll instance that is polled itself is one waiter:
 *	the kernel wakes all that wait on it in one go.
 *
 * mmap(2), read-only, MAP_SHARED, one page
 *	Offset 0: struct vmgenid_page, kept by the module.
 *	Offset one page: the hypervisor's own page; the ID stands at
 *	vmgenid_info.id_offset. It is new before the first instruction after a
 *	restore, so before the generation moves: anyone who sees it move must
 *	call VMGENID_WAIT before it draws random numbers. EACCES on a
 *	descriptor that is not open for writing, because the page may hold
 *	other data of the firmware.
 *	EOPNOTSUPP where the ID crosses a page, in a guest with encrypted memory,
 *	and where only a VMClock counts (VMGENID_INFO_COUNTER).
 *	PROT_WRITE: EPERM, and mprotect(2) to PROT_WRITE is refused.
 *	Private mappings, other offsets and other lengths: EINVAL.
 *
 * ioctl(2)
 *	Argument structures carry their size in the request number. Unknown
 *	requests: ENOTTY. Unknown flags: EINVAL.
 *
 * Cookie
 *	Each open file has a number of its own, which INFO tells and no other
 *	open file has had before or will have, on this machine and also after
 *	the module was loaded again. Descriptors that share the open file (fork,
 *	dup, SCM_RIGHTS) share it. So a program whose descriptors somebody else
 *	may close finds out, by VMGENID_WAIT, whether a number is still its file.
 *	It is no secret, and clones go on with the same.
 */
#ifndef VMGEN_VMGENID_H
#define VMGEN_VMGENID_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Grows when a request, flag or field is added; nothing is ever removed. */
#define VMGENID_ABI_VERSION	1

/* Bytes of the ID, in memory order (little-endian GUID; UAPI.14). */
#define VMGENID_ID_SIZE		16

/* What detected a change first: vmgenid_record.source. */
enum vmgenid_source {
	/* No change since the module was loaded. */
	VMGENID_SOURCE_NONE	= 0,
	/* The comparison in the ACPI system control interrupt. */
	VMGENID_SOURCE_INTERRUPT = 1,
	/* The device's ACPI Notify; with a device tree, its interrupt. */
	VMGENID_SOURCE_NOTIFY	= 2,
	/* A read, poll or ioctl of this device. */
	VMGENID_SOURCE_CALL	= 3,
	/* The module itself, which compares again after each change. */
	VMGENID_SOURCE_RECHECK	= 4,
	/* The wake-up from sleep or hibernation, which gives no notice. */
	VMGENID_SOURCE_RESUME	= 5,
	/* The timer for hosts that do not notify (sysctl dev.vmgenc.0.poll_ms). */
	VMGENID_SOURCE_TIMER	= 6,
};

/* Flags of a record and of the page. */
/* The kernel's random number generator could not be reseeded. */
#define VMGENID_RNG_STALE	(1U << 0)
/*
 * The host provides no ID now (all zeros or all ones): changes cannot be seen.
 * Losing the ID is no change, but getting one back is.
 */
#define VMGENID_NO_ID		(1U << 1)
/*
 * Programs may draw from another generator than the one that is reseeded: the
 * kernel is in FIPS mode, or /dev/urandom is not its own.
 */
#define VMGENID_RNG_OTHER	(1U << 2)

/* What read(2) returns. */
struct vmgenid_record {
	__aligned_u64 generation;
	/*
	 * When it was detected, nanoseconds of CLOCK_BOOTTIME as the caller's time name
	 * space has it, in which it may be before the clock's start: negative. 0: no
	 * change yet.
	 */
	__s64 changed_boottime_ns;
	__u32 source;		/* enum vmgenid_source */
	__u32 flags;		/* VMGENID_RNG_*, VMGENID_NO_ID */
};

/* Page 0. Load the generation with acquire semantics before the flags. */
struct vmgenid_page {
	__aligned_u64 generation;
	__aligned_u64 reserved;
	__u32 version;		/* VMGENID_ABI_VERSION */
	__u32 flags;		/* as in the record */
};

/*
 * VMGENID_WAIT: looks at the hypervisor's memory, waits until a change that is
 * under way is settled, then returns the record as soon as the generation
 * differs from known. 0 is never a generation: "just settle". Keeps no state,
 * so it is free of races and may be used on a shared descriptor.
 * timeout_ns < 0 waits for ever, 0 not at all; settling takes no longer than
 * the kernel's reseed and is waited for in any case.
 * cookie: 0, or that of the open file that is meant; if this is another one, the
 * call fails at once.
 * Errors: ESTALE: another open file; ETIMEDOUT; EINTR: a signal, after which a call
 * with a timeout is not restarted; EFAULT; EINVAL (size).
 */
struct vmgenid_wait {
	__aligned_u64 known;
	__s64 timeout_ns;
	struct vmgenid_record record;	/* out */
	__aligned_u64 cookie;
};

/* vmgenid_info.flags */
/*
 * This kernel was built with the in-tree driver of the ID, which reseeds as well. Not set
 * with VMGENID_INFO_COUNTER: the one for VMClock does not reseed.
 */
#define VMGENID_INFO_INTREE	(1U << 0)
/*
 * This host is not known to leave out the Notify (Xen and bhyve do) or, with a
 * device tree, the interrupt.
 */
#define VMGENID_INFO_NOTIFIES	(1U << 1)
/* The host provides an ID: neither all zeros nor all ones. */
#define VMGENID_INFO_ID_VALID	(1U << 2)
/* The id member is filled in: the descriptor is open for writing. */
#define VMGENID_INFO_ID_SHOWN	(1U << 3)
/* Page 1 can be mapped through this descriptor. */
#define VMGENID_INFO_RAW_PAGE	(1U << 4)
/*
 * The machine was hibernated (ACPI S4) and the ID lies in memory that Linux
 * writes back afterwards (EfiACPIMemoryNVS), so it may be older than the
 * machine. The kernel's generator was reseeded, the generation did not move.
 * Cleared by the next change. With the kernel parameter acpi_sleep=nonvs Linux
 * leaves the memory alone and the ID can be relied on, in spite of this flag.
 */
#define VMGENID_INFO_ID_UNTRUSTED	(1U << 5)
/*
 * There is no ID: the device is a VMClock (UAPI.13), whose counter moves with each
 * restore and is the same in all clones of one snapshot. The generation moves as it
 * does with an ID, but what happens while the machine is off cannot be seen.
 * VMGENID_NO_ID then says that there is no counter either.
 */
#define VMGENID_INFO_COUNTER	(1U << 6)

/*
 * VMGENID_INFO: size must equal the size in the request number, at least
 * VMGENID_INFO_SIZE_VER1, and flags must be 0. A program built for an older
 * or newer header than the module's gets the members both know; size says how
 * many bytes were filled in, the rest is left as it was.
 * Errors: EFAULT; EINVAL (size, flags).
 */
struct vmgenid_info {
	__u32 size;
	__u32 flags;
	__u32 version;		/* VMGENID_ABI_VERSION of the module */
	__u32 id_offset;	/* of the ID in page 1, bytes */
	__aligned_u64 generation;
	/* Counted since the module was loaded: */
	__aligned_u64 changes;
	__aligned_u64 spurious_notifies;	/* Notify without a change */
	__aligned_u64 found_by_call;	/* changes detected by VMGENID_SOURCE_CALL */
	__aligned_u64 found_by_resume;	/* by VMGENID_SOURCE_RESUME */
	__aligned_u64 found_by_timer;	/* by VMGENID_SOURCE_TIMER */
	__aligned_u64 lost_ids;		/* changes to all zeros or all ones */
	/* ACPI _HID, or compatible of the device tree; NUL-terminated; empty: none */
	__u8 hid[32];
	__u8 id[VMGENID_ID_SIZE];	/* that generation stands for */
	__aligned_u64 cookie;	/* of this open file; never 0 */
};

#define VMGENID_INFO_SIZE_VER1	128

#define VMGENID_IOC_TYPE	0xE5
#define VMGENID_WAIT	_IOWR(VMGENID_IOC_TYPE, 0x01, struct vmgenid_wait)
#define VMGENID_INFO	_IOWR(VMGENID_IOC_TYPE, 0x02, struct vmgenid_info)

#endif /* VMGEN_VMGENID_H */
