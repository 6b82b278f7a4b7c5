/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Calls every function of libvmgen.h in a guest where nothing changes, rightly
 * and wrongly, as root and as nobody. HID in the environment: of a host other
 * than QEMU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvmgen.h"
#include "tap.h"

static void test_open_wrong(void)
{
	struct vmgen *v = (struct vmgen *)test_open_wrong;

	equal(vmgen_open(NULL, 1U << 31, &v), -EINVAL, "an unknown flag: EINVAL");
	equal(vmgen_open("/nonexistent", 0, &v), -ENOENT, "no such node: ENOENT");
	equal(vmgen_open("/dev/null", 0, &v), -ENOTTY, "another device: ENOTTY");
	ok(v == (struct vmgen *)test_open_wrong, "the result is untouched on failure");
	ok(!vmgen_close(NULL), "closing nothing is allowed");
}

static void test_quiet(struct vmgen *v)
{
	uint64_t generation = 99;
	struct vmgen_event event;

	ok(!vmgen_changed(v), "nothing changed");
	ok(!vmgen_changed_now(v), "nothing changed, surely");
	equal((long long)vmgen_generation(v), 1, "the generation is 1");
	equal(vmgen_wait(v, 0, -1, &generation), 0, "a wait on 0 returns");
	equal((long long)generation, 1, "with the generation");
	generation = 99;
	equal(vmgen_wait(v, 1, 0, &generation), -ETIMEDOUT, "a wait on 1: ETIMEDOUT");
	equal((long long)generation, 99, "the result is untouched on failure");
	equal(vmgen_event(v, &event, sizeof(event)), 0, "the latest event");
	equal((long long)event.generation, 1, "is the load of the module");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "nothing to read");
	ok(vmgen_fd(v) >= 0, "there is a descriptor");
}

static void test_random(struct vmgen *v)
{
	static const unsigned char zeros[1000];
	unsigned char a[1000] = { 0 }, b[1000] = { 0 };

	equal(vmgen_getrandom(v, a, sizeof(a)), 0, "random bytes");
	equal(vmgen_getrandom(v, b, sizeof(b)), 0, "more of them");
	ok(memcmp(a, b, sizeof(a)) != 0, "others");
	ok(memcmp(a + sizeof(a) - 8, zeros, 8) != 0, "to the end of the buffer");
	equal(vmgen_getrandom(v, a, 0), 0, "no bytes");
}

static void test_info(struct vmgen *v, bool privileged)
{
	struct {
		struct vmgen_info info;
		char newer[8];
	} big;
	struct vmgen_info info;
	uint8_t id[VMGEN_ID_SIZE];

	memset(&big, 0xff, sizeof(big));
	equal(vmgen_info(v, &info, sizeof(info) - 1), -EINVAL, "too small a structure: EINVAL");
	equal(vmgen_info(v, &big.info, sizeof(big)), 0, "a larger structure is served");
	ok(!memcmp(big.newer, "\0\0\0\0\0\0\0", 8), "and filled up with zeros");
	equal(vmgen_info(v, &info, sizeof(info)), 0, "the device is described");
	ok(!strcmp(info.hid, getenv("HID") ?: "QEMUVGID"), "its hid is the host's");
	ok(info.flags & VMGEN_INFO_ID_VALID, "it has an ID");
	equal(!!(info.flags & VMGEN_INFO_RAW), privileged, "the raw page is for the privileged");
	equal(vmgen_id(v, id), privileged ? 0 : -EPERM, "so is the ID");
}

/* seccomp, or a program that closes all its descriptors. */
static void test_lost(struct vmgen *v, bool privileged)
{
	unsigned char bytes[8] = "unchange";
	uint64_t generation = 99;
	int fd = vmgen_fd(v);
	int r;

	close(fd);
	ok(vmgen_changed_now(v), "a device that cannot be asked has changed");
	equal((long long)vmgen_generation(v), 1, "the page is still there");
	r = vmgen_getrandom(v, bytes, sizeof(bytes));
	if (privileged) {
		equal(r, 0, "the raw page still vouches for random bytes");
		return;
	}
	equal(vmgen_settled(v, &generation), -EBADF, "nor tells of changes: EBADF");
	equal(r, -EBADF, "nothing vouches for random bytes: EBADF");
	ok(memcmp(bytes, "unchange", sizeof(bytes)) &&
	   memcmp(bytes, "\0\0\0\0\0\0\0", sizeof(bytes)), "but they are fresh");
}

/* Another handle has the number of the descriptor, which is of the same device. */
static void test_reused(struct vmgen *v)
{
	struct vmgen *other = NULL;
	struct vmgen_event event;
	uint64_t generation = 99;

	equal(vmgen_open(NULL, 0, &other), 0, "another handle");
	equal(vmgen_fd(other), vmgen_fd(v), "has the number of the first one's descriptor");
	equal(vmgen_read(v, &event, sizeof(event)), -EBADF, "reading with the first: EBADF");
	equal(vmgen_event(v, &event, sizeof(event)), -EBADF, "asking with it: EBADF");
	equal(vmgen_reopen(v), 0, "it gets a new descriptor");
	ok(vmgen_fd(v) != vmgen_fd(other), "of its own");
	equal(vmgen_read(v, &event, sizeof(event)), 0, "which is readable");
	equal(vmgen_settled(v, &generation), 0, "and can be asked");
	equal((long long)generation, 1, "nothing changed meanwhile");
	ok(!vmgen_changed(v), "also to who does not ask");
	vmgen_close(other);
	equal(vmgen_event(v, &event, sizeof(event)), 0, "closing the other one does not matter");
}

static void run(bool privileged)
{
	struct vmgen *v = NULL;

	if (!ok(vmgen_open(NULL, 0, &v) == 0, "%s may open it", privileged ? "root" : "nobody"))
		return;
	test_quiet(v);
	test_random(v);
	test_info(v, privileged);
	test_lost(v, privileged);
	test_reused(v);
	vmgen_close(v);
}

int main(int argc, char **argv)
{
	bool privileged = argc < 2 || strcmp(argv[1], "nobody");

	if (!privileged && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		return 1;
	test_open_wrong();
	run(privileged);
	return tap_done();
}
