/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * /dev/sysgenid and /dev/vmclock0 as character devices, played by kernel.h:
 * what only a device can do, and which device is taken.
 */
#include "kernel.h"
#include "tap.h"

static struct vmgen *open_device(unsigned int flags)
{
	struct vmgen *v = NULL;

	if (vmgen_open(kernel.node.path, flags, &v))
		scratch_give_up(kernel.node.path);
	return v;
}

static struct vmgen_info describe(struct vmgen *v)
{
	struct vmgen_info info = { .flags = 0 };

	drop(vmgen_info(v, &info, sizeof(info)));
	return info;
}

static void fails(int want, const char *name)
{
	struct vmgen *v = (void *)&calls;

	equal(vmgen_open(kernel.node.path, VMGEN_SYSGENID, &v), want, name);
	ok(v == (void *)&calls, "the result is untouched");
}

static void test_sysgenid(void)
{
	struct vmgen_event event = { .generation = 99 };
	struct vmgen *v = open_device(0);
	int fd = vmgen_fd(v);

	equal(describe(v).device, VMGEN_SYSGENID, "/dev/sysgenid is known by its requests");
	equal(describe(v).flags, VMGEN_INFO_EVENTS, "it has events, for who may confirm them");
	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "hence a descriptor");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "nothing to read: EAGAIN");
	page_set32(kernel.node.bytes, 0, 5);
	ok(vmgen_changed(v) && vmgen_read(v, &event, sizeof(event)) == 0, "a change");
	equal((long long)event.generation, 6, "is read");
	equal(kernel.acked, 5, "and confirmed");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "once");
	page_set32(kernel.node.bytes, 0, 6);
	kernel.more = 3;
	equal(vmgen_read(v, &event, sizeof(event)), 0, "it moves on while it is read");
	ok(kernel.acked == 9 && event.generation == 10, "the last one is confirmed");
	kernel.more = 1000;
	page_set32(kernel.node.bytes, 0, 20);
	event.generation = 99;
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "it never ends moving: EAGAIN");
	equal((long long)event.generation, 99, "the result is untouched");
	kernel.more = 0;
	equal(vmgen_read(v, &event, sizeof(event)), 0, "which was not lost");
	page_set32(kernel.node.bytes, 0, 3);
	kernel.read_size = 2;
	equal(vmgen_read(v, &event, sizeof(event)), -EPROTO, "half a generation: EPROTO");
	kernel.read_size = 0;
	vmgen_close(v);
}

static void test_sysgenid_reader(void)
{
	struct vmgen *v = open_device(VMGEN_UNPRIVILEGED);
	struct vmgen_event event;

	equal(describe(v).flags, 0, "who cannot confirm has no events");
	equal(vmgen_fd(v), -EOPNOTSUPP, "nor a descriptor: EOPNOTSUPP");
	page_set32(kernel.node.bytes, 0, 77);
	ok(vmgen_read(v, &event, sizeof(event)) == 0 && vmgen_read(v, &event, sizeof(event)) == -EAGAIN, "but reads a change once");
	vmgen_close(v);
	kernel.node.unwritable = -EACCES;
	v = open_device(0);
	equal(describe(v).flags, 0, "the same where the node is not writable");
	vmgen_close(v);
	kernel.node.unwritable = 0;
	kernel.tracking_error = -EINVAL;
	fails(-ENOTTY, "one that does not know the request: ENOTTY");
	kernel.tracking_error = -ENOTTY;
	fails(-ENOTTY, "nor any: ENOTTY");
	kernel.tracking_error = -EPERM;
	fails(-EPERM, "forbidden: EPERM");
	kernel.tracking_error = 0;
}

static void test_sysgenid_closed(void)
{
	struct vmgen *v = open_device(0);
	struct vmgen_event event = { .generation = 99 };
	int fd = vmgen_fd(v);

	scratch_write("other", "other", 0600);
	close(fd);
	ok(open(scratch_path("other"), O_RDWR | O_CLOEXEC) == fd, "another file has the number");
	page_set32(kernel.node.bytes, 0, 78);
	equal(vmgen_read(v, &event, sizeof(event)), -EBADF, "reading: EBADF");
	equal((long long)event.generation, 99, "the result is untouched");
	ok(vmgen_changed(v), "checking goes on");
	vmgen_close(v);
	ok(lseek(fd, 0, SEEK_CUR) == 0 && !strcmp(scratch_read("other"), "other"),
	   "the other file was neither read nor written");
	equal(close(fd), 0, "nor closed");
}

static void test_vmclock(void)
{
	struct vmgen_event event = { .generation = 99 };
	struct vmgen *v = open_device(0);
	int fd = vmgen_fd(v);

	equal(describe(v).device, VMGEN_VMCLOCK, "/dev/vmclock0 is known by its page");
	equal(describe(v).flags, VMGEN_INFO_RAW | VMGEN_INFO_EXACT | VMGEN_INFO_EVENTS |
	      VMGEN_INFO_NOTIFIES, "a host that notifies has events");
	equal(describe(v).version, 1, "its version");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "another event than a change: EAGAIN");
	page_set64(kernel.node.bytes, CLOCK_GENERATION, 2);
	equal(vmgen_read(v, &event, sizeof(event)), 0, "a change is read");
	equal((long long)event.generation, 3, "with its generation");
	equal(lseek(fd, 0, SEEK_CUR), 0, "whatever the descriptor's position");
	close(fd);
	equal(vmgen_read(v, &event, sizeof(event)), -EBADF, "a closed descriptor: EBADF");
	page_set64(kernel.node.bytes, CLOCK_GENERATION, 3);
	ok(vmgen_changed(v) && !vmgen_changed_now(v), "checking goes on");
	vmgen_close(v);
	page_set64(kernel.node.bytes, CLOCK_FLAGS, CLOCK_COUNTS);
	v = open_device(VMGEN_VMCLOCK);
	equal(vmgen_fd(v), -EOPNOTSUPP, "a host that does not notify: EOPNOTSUPP");
	vmgen_close(v);
}

/* What one path says to all kinds: the failure that says most. */
static void test_failures(void)
{
	struct vmgen *v = (void *)&calls;

	page_set64(kernel.node.bytes, CLOCK_FLAGS, 0);
	equal(vmgen_open(kernel.node.path, 0, &v), -ENODATA, "QEMU's VMClock, any kind: ENODATA");
	equal(vmgen_open(kernel.node.path, VMGEN_SYSGENID, &v), -ENOTTY, "of another: ENOTTY");
	equal(vmgen_open(kernel.node.path, VMGEN_VMGENID, &v), -ENOTTY, "or of a third: ENOTTY");
	page_set32(kernel.node.bytes, CLOCK_MAGIC, 0);
	equal(vmgen_open(kernel.node.path, 0, &v), -EPROTO, "a page without magic: EPROTO");
	ok(v == (void *)&calls, "the result is untouched");
	equal(vmgen_open(kernel.node.path, VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, &v), -ENOTTY,
	      "a device is no regular file: ENOTTY");
}

int main(void)
{
	scratch_create();
	kernel_has_sysgenid();
	test_sysgenid();
	test_sysgenid_reader();
	test_sysgenid_closed();
	kernel_has_none();
	kernel_has_vmclock();
	test_vmclock();
	test_failures();
	kernel_has_none();
	return tap_done();
}
