/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * libvmgen: has this virtual machine been cloned, or restored from a snapshot?
 *
 *	struct vmgen *v;
 *	int r = vmgen_open(NULL, 0, &v);
 *	...
 *	if (vmgen_changed(v))
 *		reseed_and_forget();
 *
 * Conventions. Functions that can fail return 0 or a negative errno value and
 * put results into ret_ arguments, which they leave alone on failure. Times
 * are nanoseconds. The library never logs, prints, starts threads, installs
 * signal handlers or exits.
 *
 * Structures that a caller passes come with their size: one that is larger than the
 * library's is filled up with zeros, one of an older release gets what it has.
 *
 * Handles. Where one is asked for and NULL is passed, anyone who asks whether
 * something changed gets "yes", and everybody else -EINVAL: a program that could
 * not open a device stays safe, and slow.
 *
 * Threads. All functions but vmgen_close() may be called from many threads on
 * one handle. vmgen_changed() reports each change to one caller per handle, so
 * threads that each keep a state of their own have a struct vmgen_guard each,
 * or a handle each.
 *
 * fork(2). A child may go on using its copy of a handle: it learns of every
 * change on its own. Only vmgen_read() shares its position with the parent.
 * That the process was forked is not a change.
 *
 * Signal handlers. vmgen_changed(), vmgen_changed_now(), vmgen_generation(),
 * vmgen_settled(), vmgen_getrandom() and vmgen_fd() take no locks, allocate nothing, leave errno
 * alone, and may be called there; vmgen_guard_run() where it says so.
 *
 * Descriptors. A process may close all of them, as daemons do: mappings stay,
 * vmgen_changed() goes on, and a handle reads, writes and closes no other file
 * that got the number of its descriptor; vmgen_reopen() gets it a new one. With
 * VMGEN_VMGENID the device tells its open files apart. VMGEN_VMCLOCK and
 * VMGEN_SYSGENID do not, so there a handle takes the descriptor of another handle on
 * the same device, if that got its number, for its own.
 *
 * A copy of the memory of the process that is made after a check and before
 * the use of its result cannot be seen by the check. No check can.
 */
#ifndef LIBVMGEN_H
#define LIBVMGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of functions that can fail, or that answer a question: (void) does not do. */
#if defined(__GNUC__)
#define VMGEN_MUST_CHECK	__attribute__((warn_unused_result))
#define VMGEN_ALIGNED		__attribute__((aligned(8)))
#else
#define VMGEN_MUST_CHECK
#define VMGEN_ALIGNED
#endif

/* Size of the generation ID, bytes (UAPI.14 VMGenID). */
#define VMGEN_ID_SIZE	16

/* An open source of generations. */
struct vmgen;

/* vmgen_event.flags, with the values of VMGENID_ in <vmgen/vmgenid.h>. */
/* The kernel could not reseed its random number generator. */
#define VMGEN_RNG_STALE	(1U << 0)
/* The host provides no ID now, so changes cannot be seen. */
#define VMGEN_NO_ID	(1U << 1)
/* Programs may draw from another generator than the one that it reseeds: FIPS mode. */
#define VMGEN_RNG_OTHER	(1U << 2)

/* The latest change. */
struct vmgen_event {
	/* Starts at 1 with each load of the kernel module, only grows. */
	uint64_t generation VMGEN_ALIGNED;
	/*
	 * CLOCK_BOOTTIME of the caller's time name space when it was detected; 0: no
	 * change yet. Negative: before that clock's start.
	 */
	int64_t changed_boottime_ns VMGEN_ALIGNED;
	/* What detected it: enum vmgenid_source of <vmgen/vmgenid.h>. */
	uint32_t source;
	/* VMGEN_RNG_STALE, VMGEN_NO_ID, VMGEN_RNG_OTHER */
	uint32_t flags;
};

/* Kinds of devices: vmgen_info.device, and in vmgen_open()'s flags. */
/* /dev/vmgenid, of vmgen's own kernel module. */
#define VMGEN_VMGENID	(1U << 0)
/* /dev/vmclock0 with a generation counter (UAPI.13 VMClock 1.1, Linux 7.0). */
#define VMGEN_VMCLOCK	(1U << 1)
/* /dev/sysgenid, of a kernel that carries the SysGenID patches. */
#define VMGEN_SYSGENID	(1U << 2)

/* More of vmgen_open()'s flags. */
/* Opens for reading only, as a process without privileges does. */
#define VMGEN_UNPRIVILEGED	(1U << 8)
/*
 * For tests of programs: path is a regular file of at least a page (4096 bytes
 * on most machines), which the test keeps as the device would: with
 * VMGEN_VMCLOCK struct vmclock_abi of Linux, with VMGEN_SYSGENID a u32. A file
 * that is truncated afterwards ends the process with SIGBUS.
 */
#define VMGEN_REGULAR_FILE	(1U << 9)

/* vmgen_info.flags, first with the values of VMGENID_INFO_ in <vmgen/vmgenid.h>. */
/* The kernel's own driver is there too and reseeds as well. */
#define VMGEN_INFO_INTREE	(1U << 0)
/* The host is not known to leave out its notification. */
#define VMGEN_INFO_NOTIFIES	(1U << 1)
/* The host provides an ID now. */
#define VMGEN_INFO_ID_VALID	(1U << 2)
/* The machine was hibernated, and Linux may have written an old ID back. */
#define VMGEN_INFO_ID_UNTRUSTED	(1U << 5)
/*
 * There is no ID: the device is a VMClock, whose counter is the same in all clones of
 * one snapshot. What happens while the machine is off cannot be seen.
 */
#define VMGEN_INFO_COUNTER	(1U << 6)
/* What this handle can do: */
/* It looks at the hypervisor's own page: vmgen_changed() has no window after a restore. */
#define VMGEN_INFO_RAW		(1U << 16)
/* vmgen_changed_now() has no window. */
#define VMGEN_INFO_EXACT	(1U << 17)
/* vmgen_fd() has a descriptor. */
#define VMGEN_INFO_EVENTS	(1U << 18)
/* vmgen_id() has an ID. */
#define VMGEN_INFO_ID		(1U << 19)
/*
 * The generation moves after the kernel's random number generator was reseeded;
 * vmgen_getrandom() works. On other sources nobody knows when that happens.
 */
#define VMGEN_INFO_SETTLES	(1U << 20)

struct vmgen_info {
	/* VMGEN_VMGENID, VMGEN_VMCLOCK or VMGEN_SYSGENID */
	uint32_t device;
	uint32_t flags;
	/* Of the device interface; 0: it has none. */
	uint32_t version;
	uint32_t reserved;
	uint64_t generation VMGEN_ALIGNED;
	/* Counted since the kernel module was loaded; VMGEN_VMGENID only. */
	uint64_t changes VMGEN_ALIGNED;
	uint64_t spurious_notifies VMGEN_ALIGNED;
	uint64_t found_by_call VMGEN_ALIGNED;
	uint64_t found_by_resume VMGEN_ALIGNED;
	uint64_t found_by_timer VMGEN_ALIGNED;
	uint64_t lost_ids VMGEN_ALIGNED;
	/* ACPI _HID, or compatible of a device tree; NUL-terminated; empty: none. */
	char hid[32];
};

/*
 * Opens a source of generations.
 *
 * path: a device node; NULL: where each kind of device has it. flags: which
 * kinds are wanted (VMGEN_VMGENID, VMGEN_VMCLOCK, VMGEN_SYSGENID; none of them:
 * any), and VMGEN_UNPRIVILEGED, VMGEN_REGULAR_FILE. The first that can be used
 * is taken, in that order; vmgen_info() says which, and what it can do.
 *
 * A process that may open the node for writing gets the privileged tier (see
 * VMGEN_INFO_RAW, vmgen_id()), which with VMGEN_VMGENID takes CAP_SYS_ADMIN in
 * the initial user namespace; every other gets the rest. The descriptor is
 * close-on-exec, and never 0, 1 or 2, which a program may have closed and print to.
 * A call that failed may be repeated later.
 *
 * Returns 0 and a handle that the caller passes to vmgen_close(); -ENOENT,
 * -ENXIO, -ENODEV: no such device (is the kernel module loaded?); -EACCES,
 * -EPERM: may not open it; -ENOTTY: path is something else; -EPROTO: it breaks
 * its own rules (wrong magic, truncated); -ENODATA: a VMClock without a
 * generation counter, as QEMU's; -ETIMEDOUT: a VMClock that its host began to
 * write and left; -EOPNOTSUPP: not on big-endian machines; -EINVAL: unknown
 * flags, ret_v is NULL, or VMGEN_REGULAR_FILE without a path and one kind;
 * -ENOMEM, -EMFILE, -ENFILE; otherwise what stat(2), open(2), fcntl(2), mmap(2)
 * or ioctl(2) failed with. Of several failures, the one that says most.
 */
int vmgen_open(const char *path, unsigned int flags, struct vmgen **ret_v) VMGEN_MUST_CHECK;

/*
 * Gives a handle whose descriptor was closed behind the library's back a new one, by
 * the path and the flags that it was opened with. Its pages stay mapped meanwhile, so
 * nothing is freed that other threads may be using, and nothing else changes: guards stay
 * fresh, a raw page stays. What the new descriptor may do beyond that is up to the
 * privileges of now. Where the old one is still there, nothing happens.
 *
 * The descriptor may have another number, and is readable at first: call vmgen_read().
 *
 * Returns 0; -ESTALE: path is another device now; -EOPNOTSUPP: the descriptor is gone,
 * and the device is not VMGEN_VMGENID, so nothing tells whether the one at that path is
 * the one whose pages are mapped: open another handle; -EBUSY: in a signal handler that
 * interrupted this function on this handle; -EINVAL: NULL; otherwise what stat(2),
 * open(2), fcntl(2) or ioctl(2) failed with.
 */
int vmgen_reopen(struct vmgen *v) VMGEN_MUST_CHECK;

/*
 * Closes a handle and frees what belongs to it. No thread may use it any more.
 * NULL is allowed. Returns NULL. A descriptor that is another file's by now is not
 * closed, nor is one that cannot be asked (seccomp).
 */
struct vmgen *vmgen_close(struct vmgen *v);

/*
 * Was the machine cloned or restored since the last call on this handle (the
 * first time: since vmgen_open())? Costs a few loads and no system call while
 * nothing happened. With VMGEN_INFO_RAW there is no window: the answer is
 * right from the first instruction after a restore. Otherwise it becomes true
 * as soon as the kernel has settled the change; see vmgen_changed_now().
 *
 * With VMGEN_INFO_SETTLES, when it returns true the kernel's random number
 * generator has been reseeded (unless VMGEN_RNG_STALE or VMGEN_RNG_OTHER, see
 * vmgen_event()), so draw from getrandom(2).
 *
 * Returns true when in doubt. A process that looks at the raw page but cannot ask
 * the device any more (closed descriptor, seccomp) gets true from every call after
 * a change.
 */
bool vmgen_changed(struct vmgen *v) VMGEN_MUST_CHECK;

/*
 * As vmgen_changed(), without a window on every handle that is VMGEN_INFO_EXACT;
 * costs a system call, with VMGEN_VMCLOCK a few loads.
 */
bool vmgen_changed_now(struct vmgen *v) VMGEN_MUST_CHECK;

/*
 * Returns the generation now: one load, no system call. Compare it with !=.
 * VMGEN_VMCLOCK, VMGEN_SYSGENID: the lower 63 or 32 bits of the device's counter,
 * which may be 0, and 1.
 * 0: v is NULL.
 */
uint64_t vmgen_generation(const struct vmgen *v) VMGEN_MUST_CHECK;

/*
 * Tells the generation without a window: a change that is under way is settled first.
 * Takes nothing from vmgen_changed() or vmgen_read(). With VMGEN_VMGENID and
 * VMGEN_INFO_RAW, and with VMGEN_VMCLOCK, it costs a few loads while nothing
 * happened, otherwise a system call. For work that must not straddle a change: ask
 * before and after; if the answers differ, or there is none, do it again. What counts
 * is the moment at which the second one looks.
 *
 * Returns 0; -EOPNOTSUPP: the handle is not VMGEN_INFO_EXACT; -EINVAL: NULL; otherwise
 * as vmgen_event(), but a signal does not end it.
 */
int vmgen_settled(struct vmgen *v, uint64_t *ret_generation) VMGEN_MUST_CHECK;

/*
 * Settles a change that is under way and tells of the latest one. size:
 * sizeof(struct vmgen_event) of the caller.
 *
 * Returns 0; -EINVAL: NULL, or size is smaller than the first release's structure;
 * -EBADF: the descriptor was closed behind the library's back; or what ioctl(2) failed
 * with: -EINTR, -EPERM (seccomp). VMGEN_VMCLOCK: -ENODATA, -EPROTO, -ETIMEDOUT as
 * vmgen_open().
 */
int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event, size_t size) VMGEN_MUST_CHECK;

/*
 * Waits until the generation differs from known; at once where it already
 * does. known: 0 differs from every generation. timeout_ns: negative waits for
 * ever, 0 not at all. With VMGEN_VMGENID it is woken; with the others, which
 * have one wake-up for all users of a descriptor, it looks ten times a second.
 *
 * Returns 0; -ETIMEDOUT; -EINTR; -EINVAL: NULL; otherwise as vmgen_event().
 */
int vmgen_wait(struct vmgen *v, uint64_t known, int64_t timeout_ns,
	       uint64_t *ret_generation) VMGEN_MUST_CHECK;

/*
 * Returns a descriptor for poll(2) and event loops; it belongs to the handle.
 * POLLIN: call vmgen_read(). -EOPNOTSUPP: without VMGEN_INFO_EVENTS there is
 * none, so check now and then. -EINVAL: v is NULL.
 */
int vmgen_fd(const struct vmgen *v) VMGEN_MUST_CHECK;

/*
 * Takes the change that made vmgen_fd() readable. Waits for nothing but for a change
 * that is under way to be settled. size: sizeof(struct vmgen_event) of the caller.
 *
 * Returns 0; -EAGAIN: nothing new; -EBADF: the descriptor was closed behind the
 * library's back; -EPERM: nobody may ask whether it was (seccomp); -EINVAL: NULL, or
 * size is smaller than the first release's structure; -EPROTO: less than a record came;
 * VMGEN_VMCLOCK: also -ENODATA, -ETIMEDOUT as vmgen_open(); otherwise what read(2)
 * failed with.
 */
int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event, size_t size) VMGEN_MUST_CHECK;

/*
 * Reads the ID that the host provides now: VMGEN_ID_SIZE bytes in memory
 * order, which is that of a little-endian GUID.
 *
 * Returns 0; -EPERM: the handle is not of the privileged tier, which takes
 * CAP_SYS_ADMIN in the initial user namespace; -ENODATA: the host provides no
 * ID (all zeros or all ones); -EOPNOTSUPP: the device is none that has one;
 * -EBADF: the descriptor was closed behind the library's back; -EINVAL: NULL;
 * otherwise what ioctl(2) failed with.
 */
int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE]) VMGEN_MUST_CHECK;

/*
 * Describes the device and this handle. size: sizeof(struct vmgen_info) of the
 * caller; a larger one than the library's is filled up with zeros.
 *
 * Returns 0; -EINVAL: NULL, or size is smaller than the first release's
 * structure; otherwise as vmgen_event(), but a signal does not end it.
 */
int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size) VMGEN_MUST_CHECK;

/*
 * Fills buf with size bytes from getrandom(2) that no clone made before the
 * last check of this call has drawn as well: draws, checks, and draws again if
 * the world changed in between, on any number of virtual CPUs. Some instructions
 * after that check the call returns. With VMGEN_INFO_COUNTER clones of one snapshot
 * differ only if the clocks or a hardware generator tell them apart.
 *
 * Returns 0; -EIO: the kernel could not reseed after a change (VMGEN_RNG_STALE);
 * -ENODATA: the host provides no ID (VMGEN_NO_ID); -EAGAIN: the machine is
 * being cloned faster than it can draw; -EOPNOTSUPP: the handle is not
 * VMGEN_INFO_SETTLES, or getrandom(2) may not be what was reseeded
 * (VMGEN_RNG_OTHER), and getrandom(2) itself is all that is left; -EBADF: the
 * descriptor was closed behind the library's back; -EINVAL: NULL; otherwise what
 * getrandom(2) or ioctl(2) failed with. On failure buf holds other bytes of
 * getrandom(2), which a clone may have as well; zeros if that failed too.
 */
int vmgen_getrandom(struct vmgen *v, void *buf, size_t size) VMGEN_MUST_CHECK;

/*
 * What one guard guards has to be renewed after each change, and at first:
 * usually the state of a random number generator. Belongs to the caller, any
 * number to one handle; all zeros at first; its fields are the library's. Not
 * in memory that processes share. A child gets its own with fork(2).
 *
 * It is fresh for the handle that it was run with last, and for no other: after
 * a program has closed a handle and opened another one, for example because the kernel
 * module was loaded again, run is called again. So threads that share a guard share a handle.
 */
struct vmgen_guard {
	uint64_t generation VMGEN_ALIGNED;
	uint64_t handle VMGEN_ALIGNED;
	uint64_t owner VMGEN_ALIGNED;
	uint32_t turn;
	uint32_t reserved[9];
};

#define VMGEN_GUARD_INIT	{ 0, 0, 0, 0, { 0 } }

/* vmgen_guard_run(): rather than wait for another thread, return -EBUSY. */
#define VMGEN_GUARD_NOWAIT	(1U << 0)

/*
 * Calls run(arg) if the machine was cloned or restored since the guard last ran
 * it, or it never has. While nothing happened this costs as much as
 * vmgen_changed(), and sees as much. Of many threads one calls run; the others
 * wait until it has ended, and call it themselves if it failed. If the machine
 * is cloned while run is running, it is called again.
 *
 * run returns 0, or a negative errno value if it failed; it must return, and
 * may not use the same guard. v: NULL, or one that cannot ask the device any
 * more: run is called by every call.
 *
 * In a signal handler: if run may be called there, and with VMGEN_GUARD_NOWAIT
 * if the thread that it interrupts may hold what another thread's run needs.
 *
 * Returns 0: nothing happened, or another thread has done it; 1: run was
 * called, successfully; -EBUSY: another thread is at it, or this very thread is,
 * further up its stack; -EAGAIN: the machine is being cloned faster than run is;
 * -EINVAL: g or run is NULL, unknown flags; otherwise what run failed with,
 * -EIO if that is positive.
 */
int vmgen_guard_run(struct vmgen *v, struct vmgen_guard *g, unsigned int flags,
		    int (*run)(void *arg), void *arg) VMGEN_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* LIBVMGEN_H */
