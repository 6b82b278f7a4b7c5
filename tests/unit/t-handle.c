/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A handle in a program that closes descriptors behind its back: what is whose, when
 * another open file of the device has the number, and a new descriptor; and what a
 * handle tells without giving anything away.
 */
#include "base/compat.h"
#include "kernel.h"
#include "tap.h"

enum { ROUNDS = 200 };

static struct vmgen *open_device(unsigned int flags)
{
	struct vmgen *v = NULL;

	if (vmgen_open(NULL, flags, &v))
		scratch_give_up("the device that the test plays");
	return v;
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void change(void)
{
	kernel_change();
	kernel_notice();
}

static int event_of(struct vmgen *v)
{
	struct vmgen_event event;

	return vmgen_event(v, &event, sizeof(event));
}

static int read_of(struct vmgen *v)
{
	struct vmgen_event event;

	return vmgen_read(v, &event, sizeof(event));
}

/* A daemon closes all, opens another handle, and then closes the first. */
static void test_reused(void)
{
	struct vmgen *old = open_device(VMGEN_VMGENID), *new;
	uint8_t id[VMGEN_ID_SIZE];
	struct vmgen_info info;
	int fd = vmgen_fd(old);

	close(fd);
	new = open_device(VMGEN_VMGENID);
	equal(vmgen_fd(new), fd, "another handle has the number of a closed descriptor");
	change();
	equal(read_of(old), -EBADF, "the first one's read: EBADF");
	equal(read_of(new), 0, "so the event is the other's still");
	equal(event_of(old), -EBADF, "asking for the latest: EBADF");
	equal(vmgen_info(old, &info, sizeof(info)), -EBADF, "for information: EBADF");
	equal(vmgen_id(old, id), -EBADF, "for the ID: EBADF");
	ok(vmgen_changed(old) && vmgen_changed(old), "what cannot be asked has changed");
	vmgen_close(old);
	equal(event_of(new), 0, "closing the first one leaves the other's descriptor open");
	ok(vmgen_changed(new) && !vmgen_changed(new), "and its answers right");
	vmgen_close(new);
	equal(fcntl(fd, F_GETFD), -1, "which it closes itself");
}

static void test_reopened(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v = open_device(VMGEN_VMGENID);
	struct vmgen_info info = { .flags = 0 };
	int fd = vmgen_fd(v), runs = 0, other;
	char bytes[8];

	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "a guard was run");
	equal(vmgen_reopen(v), 0, "a descriptor that is there");
	equal(vmgen_fd(v), fd, "stays");
	close(fd);
	other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	equal(other, fd, "another file has the number");
	equal(vmgen_reopen(v), 0, "a new descriptor");
	ok(vmgen_fd(v) >= 0 && vmgen_fd(v) != other, "with another number");
	equal(fcntl(vmgen_fd(v), F_GETFD), FD_CLOEXEC, "that is close-on-exec");
	equal(read_of(v), 0, "it is readable");
	equal(read_of(v), -EAGAIN, "once");
	ok(!vmgen_changed(v) && !vmgen_changed_now(v), "nothing has changed");
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 0, "the guard is fresh");
	equal(vmgen_info(v, &info, sizeof(info)), 0, "the device is described");
	ok(info.flags & VMGEN_INFO_RAW && info.flags & VMGEN_INFO_ID, "and can do what it could");
	kernel_change();
	equal(vmgen_guard_run(v, &guard, 0, count, &runs), 1, "a change is told");
	ok(vmgen_changed(v) && !vmgen_changed(v), "to everybody, once");
	equal(vmgen_getrandom(v, bytes, sizeof(bytes)), 0, "and random bytes are vouched for");
	vmgen_close(v);
	equal(close(other), 0, "the other file is still open");
}

static void test_not_reopened(void)
{
	struct vmgen *v = open_device(VMGEN_VMGENID);
	int fd = vmgen_fd(v);

	close(fd);
	calls.replaced++;
	equal(vmgen_reopen(v), -ESTALE, "the node is another device's now: ESTALE");
	equal(fcntl(fd, F_GETFD), -1, "which is not kept open");
	calls.replaced--;
	kernel.node.unwritable = -EPERM;
	equal(vmgen_reopen(v), 0, "privileges were dropped meanwhile");
	ok(vmgen_id(v, (uint8_t[VMGEN_ID_SIZE]){ 0 }) == -EPERM, "so there is no ID: EPERM");
	kernel_change();
	ok(vmgen_changed(v) && !vmgen_changed(v), "but the page is there");
	kernel.node.unwritable = 0;
	close(vmgen_fd(v));
	calls.node = NULL;
	equal(vmgen_reopen(v), -ENOENT, "there is no node: ENOENT");
	calls.node = &kernel.node;
	equal(vmgen_reopen(v), 0, "it is back");
	vmgen_close(v);
}

static void test_leaks(void)
{
	struct vmgen *v = open_device(VMGEN_VMGENID);
	unsigned long mapped = kernel_mapped();
	int fds = kernel_descriptors();
	int i;

	for (i = 0; i < ROUNDS; i++) {
		close(vmgen_fd(v));
		if (vmgen_reopen(v) || event_of(v))
			break;
	}
	equal(i, ROUNDS, "closed 200 times, and opened again");
	equal(kernel_descriptors(), fds, "with as many descriptors as at first");
	equal((long long)kernel_mapped(), (long long)mapped, "and as much of it mapped");
	vmgen_close(v);
}

static struct {
	struct vmgen *v;
	pthread_barrier_t barrier;
	_Atomic unsigned int failed;
} many;

static void *reopen_together(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (pthread_barrier_wait(&many.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			close(vmgen_fd(many.v));
		pthread_barrier_wait(&many.barrier);
		if (vmgen_reopen(many.v) || event_of(many.v))
			atomic_fetch_add(&many.failed, 1);
	}
	return arg;
}

static void test_threads(void)
{
	int before = kernel_descriptors() + 1;
	pthread_t threads[8];
	size_t i;

	many.v = open_device(VMGEN_VMGENID);
	pthread_barrier_init(&many.barrier, NULL, 8);
	for (i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, reopen_together, NULL))
			scratch_give_up("thread");
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	equal(many.failed, 0, "8 threads that reopen one handle: each has its device");
	equal(kernel_descriptors(), before, "and all together one descriptor");
	vmgen_close(many.v);
}

static void test_settled(unsigned int flags, unsigned int asks, const char *tier)
{
	struct vmgen *v = open_device(VMGEN_VMGENID | flags);
	unsigned int before = atomic_load(&calls.made[CALL_IOCTL]);
	uint64_t generation = 99;

	ok(vmgen_settled(v, &generation) == 0, "%s: the settled generation", tier);
	equal((long long)generation, (long long)kernel.record.generation, "is the device's");
	equal(atomic_load(&calls.made[CALL_IOCTL]) - before, asks,
	      asks ? "the device was asked" : "the device was not asked");
	kernel_change();
	equal(vmgen_settled(v, &generation), 0, "a change that nobody has noticed yet");
	equal((long long)generation, (long long)kernel.record.generation, "is settled");
	equal(read_of(v), 0, "it can be read all the same");
	ok(vmgen_changed(v) && !vmgen_changed(v), "and is told once");
	generation = 99;
	kernel.wait_error = -EPERM;
	kernel_change();
	equal(vmgen_settled(v, &generation), -EPERM, "one that cannot be settled: EPERM");
	equal((long long)generation, 99, "the result is untouched");
	kernel.wait_error = 0;
	vmgen_close(v);
}

static void test_sizes(void)
{
	struct vmgen *v = open_device(VMGEN_VMGENID);
	struct {
		struct vmgen_event event;
		char newer[8];
	} big = { .newer = "sevenxx" };

	equal(vmgen_event(v, &big.event, sizeof(big.event) - 1), -EINVAL, "too small: EINVAL");
	equal(vmgen_read(v, &big.event, sizeof(big.event) - 1), -EINVAL, "to read into, too");
	ok(!strcmp(big.newer, "sevenxx"), "it is untouched");
	equal(vmgen_event(v, &big.event, sizeof(big)), 0, "what a newer program passes");
	ok(big.event.generation == kernel.record.generation && !big.newer[0] && !big.newer[6],
	   "is filled up with zeros");
	vmgen_close(v);
}

/* What a program prints there, which has closed all, would otherwise get to the device. */
static void test_standard(unsigned int flags, int first, const char *name)
{
	int opened, reopened = 3, refused, fds = kernel_descriptors(), saved[3], r, i;
	struct vmgen *v = NULL, *other = NULL;

	kernel_close_standard(saved);
	for (i = 0; i < first; i++)
		dup2(saved[i], i);
	r = vmgen_open(NULL, flags, &v);
	opened = r ?: vmgen_fd(v);
	if (!r && flags == VMGEN_VMGENID) {
		close(opened);
		r = vmgen_reopen(v);
		reopened = vmgen_fd(v);
	}
	calls.fail_kind = CALL_FCNTL;
	calls.fail_with = EMFILE;
	refused = vmgen_open(NULL, flags, &other);
	calls.fail_with = 0;
	kernel_open_standard(saved);
	ok(r == 0, "%s: opened in a process without %d to 2", name, first);
	ok(opened > 2 && reopened > 2, "it has a number above these");
	equal(fcntl(opened, F_GETFD), FD_CLOEXEC, "close-on-exec");
	equal(refused, -EMFILE, "where there is no such number: EMFILE");
	vmgen_close(other);
	vmgen_close(v);
	equal(kernel_descriptors(), fds, "and none is left");
}

static void test_others(void)
{
	struct vmgen *v;
	uint64_t generation = 99;

	kernel_has_none();
	kernel_has_vmclock();
	test_standard(VMGEN_VMCLOCK, 0, "VMClock");
	v = open_device(VMGEN_VMCLOCK);
	equal(vmgen_settled(v, &generation), 0, "a VMClock has no window");
	equal((long long)generation, 2, "so its generation is told");
	equal(vmgen_reopen(v), 0, "nothing to reopen");
	close(vmgen_fd(v));
	equal(vmgen_reopen(v), -EOPNOTSUPP, "another VMClock may have its place: EOPNOTSUPP");
	vmgen_close(v);
	kernel_has_none();
	kernel_has_sysgenid();
	test_standard(VMGEN_SYSGENID, 0, "SysGenID");
	v = open_device(VMGEN_SYSGENID);
	equal(vmgen_settled(v, &generation), -EOPNOTSUPP, "SysGenID has one: EOPNOTSUPP");
	vmgen_close(v);
	kernel_has_none();
}

int main(void)
{
	scratch_create();
	/* What was inherited would be in the way of the lowest numbers. */
	if (close_range(3, ~0U, 0))
		scratch_give_up("close_range");
	kernel_has_vmgenid();
	test_reused();
	test_reopened();
	test_not_reopened();
	test_leaks();
	test_threads();
	test_standard(VMGEN_VMGENID, 0, "vmgenid");
	test_standard(VMGEN_VMGENID, 1, "vmgenid");
	test_standard(VMGEN_VMGENID, 2, "vmgenid");
	test_settled(0, 0, "with the raw page");
	test_settled(VMGEN_UNPRIVILEGED, 1, "without");
	test_sizes();
	test_others();
	return tap_done();
}
