/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tries every sentence of <vmgen/sysgenid.h> on files; watchers.c does those on
 * watchers that are waited for. Runs as root in a guest whose ID stays the same.
 *
 * sysgenid show: prints the generation.
 * sysgenid trigger: has it moved.
 * sysgenid wait MILLISECONDS: waits for the watchers that are tracked.
 * sysgenid time: has it moved, and prints after how many milliseconds that is seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>
#include <vmgen/vmgenid.h>

#include "tap.h"
#include "vm/guest/asleep.h"

enum { NOBODY = 65534, I386_IOCTL = 54 };

static const char node[] = "/dev/sysgenid";
#include "vm/guest/node.h"

static long page;
static const volatile uint32_t *generation;
static int root;

static long trigger(unsigned long min_gen)
{
	return result(ioctl(root, SYSGENID_TRIGGER_GEN_UPDATE, min_gen));
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDNORM };

	return poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLRDNORM);
}

static void *try_map(int fd, int prot, int flags, size_t size, long offset)
{
	return mmap(NULL, size, prot, flags, fd, offset * page);
}

static bool map_and_open(void)
{
	page = sysconf(_SC_PAGESIZE);
	root = must_open(O_RDWR | O_NONBLOCK);
	generation = try_map(root, PROT_READ, MAP_SHARED, sizeof(*generation), 0);
	return generation != MAP_FAILED;
}

static void test_read(void)
{
	struct {
		uint32_t value, rest;
	} buf = { .rest = 0x5a5a5a5a };
	int fd = must_open(O_RDONLY | O_NONBLOCK);
	long size;

	equal(*generation, 0, "the generation is 0 after load");
	ok(!readable(fd), "a fresh file is not readable");
	equal(result(read(fd, &buf, 4)), -EAGAIN, "a read would wait: EAGAIN");
	equal(trigger(0), 0, "TRIGGER on 0");
	equal(*generation, 1, "moves the generation by one");
	ok(readable(fd), "the file is readable");
	equal(result(read(fd, nowhere, 4)), -EFAULT, "read to NULL: EFAULT");
	equal(result(read(fd, &buf, 0)), 0, "read of nothing returns nothing");
	for (size = 1; size < 4; size++)
		ok(result(read(fd, &buf, (size_t)size)) == -EINVAL, "read of %ld: EINVAL", size);
	equal(result(read(fd, &buf, sizeof(buf))), 4, "read returns 4 bytes");
	equal(buf.value, 1, "they are the generation");
	equal(buf.rest, 0x5a5a5a5a, "the rest of a large buffer is left alone");
	equal(result(read(fd, &buf, 4)), 4, "reading confirms nothing");
	ok(readable(fd), "nor does poll");
	close(fd);
	fd = must_open(O_RDONLY);
	ok(!readable(fd), "a file that is opened now has the present generation");
	close(fd);
}

static void test_write(void)
{
	static const size_t wrong[] = { 0, 1, 3, 5, 8 };
	uint32_t value[2];
	size_t i;
	int fd = must_open(O_RDWR | O_NONBLOCK);
	int other = must_open(O_RDONLY | O_NONBLOCK);

	trigger(0);
	value[0] = *generation;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(result(write(fd, value, wrong[i])) == -ENOBUFS, "write of %zu: ENOBUFS",
		   wrong[i]);
	equal(result(write(fd, nowhere, 4)), -EFAULT, "write from NULL: EFAULT");
	value[0]--;
	equal(result(write(fd, value, 4)), -EINVAL, "write of the old generation: EINVAL");
	value[0] += 2;
	equal(result(write(fd, value, 4)), -EINVAL, "write of the next one: EINVAL");
	ok(readable(fd), "the file is still readable");
	value[0] = *generation;
	equal(result(write(fd, value, 4)), 4, "write of the generation confirms it");
	ok(!readable(fd), "the file is no longer readable");
	equal(result(read(fd, value, 4)), -EAGAIN, "a read would wait");
	equal(result(write(fd, value, 4)), 4, "it may be confirmed again");
	ok(readable(other), "another file is not confirmed");
	equal(result(write(other, value, 4)), -EBADF, "a read-only file cannot confirm: EBADF");
	close(other);
	close(fd);
}

/* A reader in a child waits; it exits with the low byte of what it has read. */
static void test_wake(void)
{
	uint32_t value;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(read(must_open(O_RDONLY), &value, 4) == 4 ? (int)value : 99);
	until_asleep(pid);
	equal(waitpid(pid, &status, WNOHANG), 0, "a read waits");
	trigger(0);
	waitpid(pid, &status, 0);
	equal(WEXITSTATUS(status), *generation, "and returns the generation when it moves");
}

static void test_map(void)
{
	static const struct {
		const char *name;
		int open, prot, flags;
		long pages, offset;
		int error;
	} tries[] = {
		{ "writable", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 1, 0, EPERM },
		{ "private, writable", O_RDONLY, PROT_WRITE, MAP_PRIVATE, 1, 0, EPERM },
		{ "writable, read-only file", O_RDONLY, PROT_WRITE, MAP_SHARED, 1, 0, EACCES },
		{ "of a file that cannot be read", O_WRONLY, PROT_READ, MAP_SHARED, 1, 0, EACCES },
		{ "of a second page", O_RDONLY, PROT_READ, MAP_SHARED, 1, 1, EINVAL },
		{ "of two pages", O_RDONLY, PROT_READ, MAP_SHARED, 2, 0, EINVAL },
	};
	int fd = must_open(O_RDONLY), status;
	volatile uint32_t *p = try_map(fd, PROT_READ, MAP_SHARED, 4, 0);
	volatile uint32_t *q = try_map(fd, PROT_READ, MAP_PRIVATE, (size_t)page, 0);
	void *wrong;
	size_t i;
	pid_t pid;

	close(fd);
	if (!ok(p != MAP_FAILED && q != MAP_FAILED, "4 bytes and a whole page can be mapped"))
		return;
	trigger(0);
	ok(*p == *generation && *q == *p, "the mappings outlive the file and follow");
	equal(result(mprotect((void *)p, 4, PROT_READ | PROT_WRITE)), -EACCES,
	      "mprotect to write is refused");
	for (i = 1; i < (size_t)page / 4 && !q[i]; i++)
		;
	equal((long long)i, page / 4, "the rest of the page is zero");
	pid = fork();
	if (!pid) {
		trigger(0);
		_exit((int)*p);
	}
	waitpid(pid, &status, 0);
	equal(WEXITSTATUS(status), *p, "a child inherits the mapping");
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		fd = must_open(tries[i].open);
		wrong = try_map(fd, tries[i].prot, tries[i].flags,
				(size_t)(tries[i].pages * page), tries[i].offset);
		ok(wrong == MAP_FAILED && errno == tries[i].error, "mmap %s: %s", tries[i].name,
		   strerror(tries[i].error));
		close(fd);
	}
}

static void test_trigger(void)
{
	uint64_t before, after;
	uint32_t value;
	int vmgenid = open("/dev/vmgenid", O_RDONLY), again = open("/dev/vmgenid", O_RDONLY);

	ok(read(vmgenid, &before, 8) == 8, "/dev/vmgenid has a generation");
	value = *generation;
	equal(trigger(value), 0, "TRIGGER on the present generation");
	equal(*generation, value + 1, "moves by one");
	trigger(1);
	equal(*generation, value + 2, "so does TRIGGER on an old one");
	trigger(value + 100);
	equal(*generation, value + 100, "TRIGGER on a later one moves to that");
	equal(trigger(value + 101 + (1UL << 31)), -EINVAL, "more than 2^31 ahead: EINVAL");
	equal(trigger(1UL << 32), -EINVAL, "more than 32 bits: EINVAL");
	equal(*generation, value + 100, "neither moves it");
	equal(trigger(value + 100 + (1UL << 31)), 0, "2^31 ahead is allowed");
	equal(*generation, value + 100 + (1UL << 31), "and moves to that");
	equal(trigger(UINT32_MAX), 0, "TRIGGER on the last number");
	equal(*generation, UINT32_MAX, "moves to that");
	ok(readable(root), "of many moves, one event is left");
	equal(trigger(0), 0, "the next TRIGGER");
	equal(*generation, 0, "wraps to 0");
	ok(readable(root), "which is a move like any other");
	ok(read(again, &after, 8) == 8 && after == before, "/dev/vmgenid has not moved");
	close(vmgenid);
	close(again);
}

static void test_requests(void)
{
	static const unsigned long unknown[] = {
		_IO(SYSGENID_IOCTL, 0), _IO(SYSGENID_IOCTL, 4), TIOCGWINSZ, VMGENID_WAIT,
		_IOW(SYSGENID_IOCTL, 3, uint32_t), 3,
	};
	size_t i;

	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		ok(result(ioctl(root, unknown[i], 0)) == -EINVAL, "request %#lx: EINVAL",
		   unknown[i]);
}

/* As a 32-bit program calls it. */
static long ioctl32(int fd, unsigned int request, unsigned int arg)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(I386_IOCTL), "b"(fd), "c"(request), "d"(arg)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static void test_32_bit(void)
{
	uint32_t value = *generation + (1U << 31);

	equal(ioctl32(root, SYSGENID_TRIGGER_GEN_UPDATE, value), 0, "32-bit TRIGGER");
	equal(*generation, value, "its argument is taken by value");
	equal(ioctl32(root, SYSGENID_SET_WATCHER_TRACKING, 1), 0, "32-bit TRACKING on");
	equal(ioctl32(root, SYSGENID_SET_WATCHER_TRACKING, 0), 0, "32-bit TRACKING off");
	equal(ioctl32(must_open(O_RDONLY), SYSGENID_WAIT_WATCHERS, 1), 0, "32-bit WAIT");
	equal(ioctl32(root, _IO(SYSGENID_IOCTL, 4), 0), -EINVAL, "32-bit unknown: EINVAL");
}

/* What TRIGGER says to a child that has these capabilities alone. */
static int trigger_with(uint64_t capabilities, uid_t uid, bool own_namespace)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int i, status;
	pid_t pid = fork();

	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? -WEXITSTATUS(status) : -1;
	}
	if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		_exit(100);
	if (own_namespace && unshare(CLONE_NEWUSER))
		_exit(101);
	if (syscall(SYS_capget, &head, data))
		_exit(102);
	for (i = 0; i < 2; i++)
		data[i].effective = (uint32_t)(capabilities >> 32 * i) & data[i].permitted;
	if (syscall(SYS_capset, &head, data))
		_exit(103);
	_exit(-(int)trigger(0));
}

static void test_capabilities(void)
{
	const uint64_t admin = 1ULL << CAP_SYS_ADMIN, restore = 1ULL << CAP_CHECKPOINT_RESTORE;
	uint32_t value = *generation;

	equal(trigger_with(0, 0, false), -EACCES, "TRIGGER without a capability: EACCES");
	equal(trigger_with(~(admin | restore), 0, false), -EACCES, "with all others: EACCES");
	equal(trigger_with(~0ULL, NOBODY, false), -EACCES, "by nobody: EACCES");
	equal(trigger_with(~0ULL, NOBODY, true), -EACCES,
	      "by nobody with all of them in a user namespace: EACCES");
	equal(*generation, value, "none of these moves the generation");
	equal(trigger_with(admin, 0, false), 0, "with CAP_SYS_ADMIN alone");
	equal(trigger_with(restore, 0, false), 0, "with CAP_CHECKPOINT_RESTORE alone");
	equal(*generation, value + 2, "these do");
}

static void test_nobody(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
			_exit(1);
		if (result(open(node, O_RDWR)) != -EACCES ||
		    result(open(node, O_WRONLY)) != -EACCES)
			_exit(2);
		_exit(open(node, O_RDONLY) < 0 ? 3 : 0);
	}
	waitpid(pid, &status, 0);
	equal(status, 0, "nobody may open it for reading, and not for writing");
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int time_trigger(void)
{
	const uint32_t before = *generation;
	const uint64_t start = now_ms();
	pid_t pid = fork();

	if (!pid)
		_exit(trigger(0) != 0);
	while (*generation == before)
		;
	return printf("%llu\n", (unsigned long long)(now_ms() - start)) < 0;
}

int main(int argc, char **argv)
{
	if (!map_and_open())
		return 1;
	if (argc > 1 && !strcmp(argv[1], "show"))
		return printf("%u\n", *generation) < 0;
	if (argc > 1 && !strcmp(argv[1], "trigger"))
		return trigger(0) != 0;
	if (argc > 2 && !strcmp(argv[1], "wait"))
		return ioctl(root, SYSGENID_WAIT_WATCHERS, strtoul(argv[2], NULL, 10)) != 0;
	if (argc > 1 && !strcmp(argv[1], "time"))
		return time_trigger();
	test_read();
	test_write();
	test_wake();
	test_map();
	test_trigger();
	test_requests();
	test_32_bit();
	test_capabilities();
	test_nobody();
	return tap_done();
}
