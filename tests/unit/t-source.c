/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen_open() with everything that is no source of generations, and with
 * pages that break the rules; what may not be passed to the other functions.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "page.h"
#include "tap.h"

/* Not to be opened, so not to be touched. */
static struct vmgen *const untouched = (void *)&untouched;

static void fails(const char *path, unsigned int flags, int want, const char *name)
{
	struct vmgen *v = untouched;

	equal(vmgen_open(path, flags, &v), want, name);
	if (v != untouched)
		ok(false, "%s: the result is untouched", name);
}

static void test_arguments(void)
{
	const char *clock = scratch_path("clock");

	page_create_clock("clock", 1);
	equal(vmgen_open(clock, VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, NULL), -EINVAL,
	      "no place for the handle: EINVAL");
	fails(clock, 1U << 3, -EINVAL, "an unknown kind of device: EINVAL");
	fails(clock, 1U << 31, -EINVAL, "an unknown flag: EINVAL");
	fails(NULL, VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, -EINVAL, "a file without a path: EINVAL");
	fails(clock, VMGEN_REGULAR_FILE, -EINVAL, "a file that may be anything: EINVAL");
	fails(clock, VMGEN_VMCLOCK | VMGEN_SYSGENID | VMGEN_REGULAR_FILE, -EINVAL,
	      "a file that may be two things: EINVAL");
	fails(clock, VMGEN_VMGENID | VMGEN_REGULAR_FILE, -EINVAL,
	      "a file cannot be /dev/vmgenid: EINVAL");
	fails(clock, 0, -ENOTTY, "a file without the flag: ENOTTY");
	fails(clock, VMGEN_VMCLOCK, -ENOTTY, "even of the right kind");
}

static void test_paths(void)
{
	char longest[5000];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	fails("/nonexistent", 0, -ENOENT, "no such path: ENOENT");
	fails("/nonexistent", VMGEN_SYSGENID | VMGEN_REGULAR_FILE, -ENOENT, "nor file");
	fails("", 0, -ENOENT, "an empty path: ENOENT");
	fails("/dev/null/vmgenid", 0, -ENOTDIR, "a path through a device: ENOTDIR");
	fails(longest, 0, -ENAMETOOLONG, "too long a path: ENAMETOOLONG");
	fails("/dev", 0, -ENOTTY, "a directory: ENOTTY");
	fails("/dev", VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, -ENOTTY, "as a file too");
	fails("/dev/null", VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, -ENOTTY, "a device as a file");
}

static void test_devices(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, scratch_path("socket"));
	if (mkfifo(scratch_path("fifo"), 0600) || tty < 0 || grantpt(tty) || unlockpt(tty) ||
	    s < 0 || bind(s, (const void *)&address, sizeof(address)))
		scratch_give_up("special files");
	fails("/dev/null", 0, -ENOTTY, "/dev/null: ENOTTY");
	fails("/dev/urandom", 0, -ENOTTY, "/dev/urandom: ENOTTY");
	fails("/dev/zero", VMGEN_VMGENID | VMGEN_SYSGENID, -ENOTTY, "/dev/zero: ENOTTY");
	fails("/dev/zero", 0, -EPROTO, "but it can be mapped, as a VMClock without magic");
	fails(scratch_path("fifo"), 0, -ENOTTY, "a fifo, without waiting for its writer: ENOTTY");
	fails(ptsname(tty), 0, -ENOTTY, "a terminal: ENOTTY");
	fails(scratch_path("socket"), 0, -ENOTTY, "a socket: ENOTTY");
	close(tty);
	close(s);
}

static void test_permission(void)
{
	struct vmgen *v = untouched;
	pid_t child;
	int status;

	page_create("secret");
	child = fork();
	if (child == 0) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(100);
		_exit(-page_open("secret", VMGEN_SYSGENID, &v));
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		scratch_give_up("child");
	equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, EACCES,
	      "what may not be opened: EACCES");
}

static void test_clock_pages(void)
{
	static const struct {
		size_t offset;
		uint32_t value;
		int want;
		const char *name;
	} wrong[] = {
		{ CLOCK_MAGIC, 0, -EPROTO, "no magic: EPROTO" },
		{ CLOCK_MAGIC, 0x56434c4b, -EPROTO, "magic of the other byte order: EPROTO" },
		{ CLOCK_VERSION, 0, -EPROTO, "version 0: EPROTO" },
		{ CLOCK_VERSION, 2, -EPROTO, "version 2: EPROTO" },
		{ CLOCK_SIZE, 0, -ENODATA, "no size: ENODATA" },
		{ CLOCK_SIZE, CLOCK_END - 1, -ENODATA, "a size before the counter's end: ENODATA" },
		{ CLOCK_SIZE, CLOCK_END, 0, "just behind it: good" },
		{ CLOCK_SIZE, UINT32_MAX, -EPROTO, "a size beyond the page: EPROTO" },
		{ CLOCK_FLAGS, 0, -ENODATA, "no counter, as QEMU: ENODATA" },
		{ CLOCK_FLAGS, 1 << 7, -ENODATA, "the bit of the first specification: ENODATA" },
		{ CLOCK_FLAGS, UINT32_MAX, 0, "all flags: good" },
		{ CLOCK_SEQ, UINT32_MAX - 1, 0, "a sequence that is about to wrap: good" },
	};
	char *page = page_create("wrong");
	struct vmgen *v;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		page_set_clock(page, 7);
		page_set32(page, wrong[i].offset, wrong[i].value);
		v = untouched;
		equal(page_open("wrong", VMGEN_VMCLOCK, &v), wrong[i].want, wrong[i].name);
		if (v != untouched)
			v = vmgen_close(v);
	}
	page_set_clock(page, 7);
	page_set32(page, CLOCK_SIZE, (uint32_t)page_size());
	equal(page_open("wrong", VMGEN_VMCLOCK, &v), 0, "a size of the whole page: good");
	vmgen_close(v);
	page_set32(page, CLOCK_SIZE, (uint32_t)page_size() + 1);
	fails(scratch_path("wrong"), VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, -EPROTO,
	      "a byte more: EPROTO");
}

static void test_truncated(void)
{
	const unsigned int flags = VMGEN_REGULAR_FILE | VMGEN_UNPRIVILEGED;

	page_create_clock("short", 1);
	if (truncate(scratch_path("short"), (off_t)page_size() - 1))
		scratch_give_up("truncate");
	fails(scratch_path("short"), flags | VMGEN_VMCLOCK, -EPROTO, "a truncated page: EPROTO");
	fails(scratch_path("short"), flags | VMGEN_SYSGENID, -EPROTO, "of either kind");
	if (truncate(scratch_path("short"), 0))
		scratch_give_up("truncate");
	fails(scratch_path("short"), flags | VMGEN_SYSGENID, -EPROTO, "an empty one: EPROTO");
}

/* The host died while it wrote: nobody may wait for it for ever. */
static void test_wedged(void)
{
	char *page = page_create_clock("wedged", 7);
	uint64_t generation = 99, ns;
	struct vmgen_event event = { .generation = 99 };
	struct timespec start, end;
	struct vmgen_info info = { .version = 99 };
	struct vmgen *v = NULL;

	if (page_open("wedged", VMGEN_VMCLOCK, &v))
		scratch_give_up("wedged");
	page_set32(page, CLOCK_SEQ, 3);
	clock_gettime(CLOCK_MONOTONIC, &start);
	fails(scratch_path("wedged"), VMGEN_VMCLOCK | VMGEN_REGULAR_FILE, -ETIMEDOUT,
	      "a host that began to write and left: ETIMEDOUT");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ns = (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000 + (uint64_t)end.tv_nsec -
	     (uint64_t)start.tv_nsec;
	printf("# after %.0f ms\n", (double)ns / 1e6);
	ok(ns >= 100000000 && ns < 30000000000, "not before a tenth of a second, nor never");
	ok(!vmgen_changed(v), "the cheap check does not depend on it");
	ok(vmgen_changed_now(v) && vmgen_changed_now(v), "the exact one has its doubts each time");
	equal(vmgen_event(v, &event, sizeof(event)), -ETIMEDOUT, "nor is there an event: ETIMEDOUT");
	equal(vmgen_read(v, &event, sizeof(event)), -ETIMEDOUT, "to be read neither");
	equal(vmgen_wait(v, 8, -1, &generation), -ETIMEDOUT, "waiting for ever ends: ETIMEDOUT");
	equal(vmgen_info(v, &info, sizeof(info)), -ETIMEDOUT, "nor information: ETIMEDOUT");
	ok(event.generation == 99 && generation == 99 && info.version == 99,
	   "all results are untouched");
	page_set32(page, CLOCK_SEQ, 4);
	ok(!vmgen_changed_now(v), "the host comes back, and nothing happened");
	vmgen_close(v);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void test_null_handles(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	uint8_t id[VMGEN_ID_SIZE] = "untouched";
	struct vmgen_event event = { .generation = 99 };
	struct vmgen_info info = { .version = 99 };
	uint64_t generation = 99;
	char bytes[4] = "abc";

	ok(!vmgen_close(NULL), "no handle: closing it is allowed");
	ok(vmgen_changed(NULL) && vmgen_changed(NULL), "it has changed each time");
	ok(vmgen_changed_now(NULL), "surely");
	equal((long long)vmgen_generation(NULL), 0, "it has no generation");
	equal(vmgen_event(NULL, &event, sizeof(event)), -EINVAL, "no event: EINVAL");
	equal(vmgen_wait(NULL, 1, 0, &generation), -EINVAL, "no waiting: EINVAL");
	equal(vmgen_fd(NULL), -EINVAL, "no descriptor: EINVAL");
	equal(vmgen_read(NULL, &event, sizeof(event)), -EINVAL, "no reading: EINVAL");
	equal(vmgen_id(NULL, id), -EINVAL, "no ID: EINVAL");
	equal(vmgen_info(NULL, &info, sizeof(info)), -EINVAL, "no information: EINVAL");
	equal(vmgen_getrandom(NULL, bytes, sizeof(bytes)), -EINVAL, "no random bytes: EINVAL");
	equal(vmgen_guard_run(NULL, &guard, 0, nothing, NULL), 1, "but a guard runs");
	ok(event.generation == 99 && info.version == 99 && generation == 99 &&
	   !strcmp((char *)id, "untouched"), "all results are untouched");
}

static void test_null_buffers(void)
{
	struct vmgen_info info = { .version = 99 };
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v;

	page_create_clock("clock", 1);
	if (page_open("clock", VMGEN_VMCLOCK, &v))
		scratch_give_up("clock");
	equal(vmgen_event(v, NULL, sizeof(struct vmgen_event)), -EINVAL, "no place for an event: EINVAL");
	equal(vmgen_wait(v, 0, 0, NULL), -EINVAL, "for a generation: EINVAL");
	equal(vmgen_read(v, NULL, sizeof(struct vmgen_event)), -EINVAL, "for what is read: EINVAL");
	equal(vmgen_id(v, NULL), -EINVAL, "for an ID: EINVAL");
	equal(vmgen_info(v, NULL, sizeof(info)), -EINVAL, "for information: EINVAL");
	equal(vmgen_info(v, &info, 0), -EINVAL, "of no size: EINVAL");
	equal(vmgen_info(v, &info, sizeof(info) - 1), -EINVAL, "of too small a size: EINVAL");
	equal(info.version, 99, "which is untouched");
	equal(vmgen_getrandom(v, NULL, 1), -EINVAL, "for random bytes: EINVAL");
	equal(vmgen_guard_run(v, NULL, 0, nothing, NULL), -EINVAL, "no guard: EINVAL");
	equal(vmgen_guard_run(v, &guard, 0, NULL, NULL), -EINVAL, "nothing to run: EINVAL");
	equal(vmgen_guard_run(v, &guard, 2, nothing, NULL), -EINVAL, "an unknown flag: EINVAL");
	vmgen_close(v);
}

int main(void)
{
	scratch_create();
	test_arguments();
	test_paths();
	test_devices();
	test_permission();
	test_clock_pages();
	test_truncated();
	test_wedged();
	test_null_handles();
	test_null_buffers();
	return tap_done();
}
