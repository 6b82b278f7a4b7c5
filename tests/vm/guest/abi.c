/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tries every sentence of <vmgen/vmgenid.h> that can be tried while nothing
 * changes, and every way to call the device wrongly. Runs as root in a guest.
 * HID in the environment: of a host other than QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "tap.h"

static const char node[] = "/dev/vmgenid";
#include "vm/guest/node.h"

static long page;

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents == POLLIN;
}

static void test_read(void)
{
	static const size_t wrong[] = { 0, 4, 7, 9, 16, 23, 25, 4096 };
	struct vmgenid_record record = { .generation = 0 };
	char buf[4096];
	size_t i;
	int fd = must_open(O_RDONLY | O_NONBLOCK);

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(result(read(fd, buf, wrong[i])) == -EINVAL, "read of %zu bytes: EINVAL", wrong[i]);
	ok(readable(fd), "a fresh file is readable");
	equal(result(read(fd, nowhere, sizeof(record))), -EFAULT, "read to NULL: EFAULT");
	ok(readable(fd), "which consumes nothing");
	equal(result(read(fd, &record, sizeof(record))), sizeof(record), "the first read returns");
	equal((long long)record.generation, 1, "the generation is 1 after load");
	equal((long long)record.changed_boottime_ns, 0, "no change yet");
	equal(record.source, VMGENID_SOURCE_NONE, "so no source");
	equal(record.flags, 0, "the generator was reseeded");
	ok(!readable(fd), "read consumes the event");
	equal(result(read(fd, &record, sizeof(record))), -EAGAIN, "the next read: EAGAIN");
	close(fd);

	fd = must_open(O_RDONLY);
	memset(&record, 0xff, sizeof(record));
	equal(result(read(fd, &record, sizeof(__u64))), sizeof(__u64), "8 bytes can be read");
	equal((long long)record.generation, 1, "they are the generation");
	equal(record.flags, 0xffffffff, "and nothing more is written");
	close(fd);
}

static void *try_map(int fd, int prot, int flags, long pages, long offset)
{
	return mmap(NULL, (size_t)(pages * page), prot, flags, fd, offset * page);
}

static void test_map_page(void)
{
	int fd = must_open(O_RDONLY);
	const struct vmgenid_page *p = try_map(fd, PROT_READ, MAP_SHARED, 1, 0);

	if (!ok(p != MAP_FAILED, "page 0 can be mapped"))
		return;
	equal((long long)p->generation, 1, "it holds the generation");
	equal(p->version, VMGENID_ABI_VERSION, "it holds the version");
	equal(p->flags, 0, "it holds the flags");
	equal((long long)p->reserved, 0, "the reserved word is 0");
	equal(result(mprotect((void *)p, (size_t)page, PROT_READ | PROT_WRITE)), -EACCES,
	      "mprotect to write is refused");
	close(fd);
	equal((long long)p->generation, 1, "the mapping outlives the descriptor");
	munmap((void *)p, (size_t)page);
}

static void test_map_wrong(void)
{
	static const struct {
		const char *name;
		int open, prot, flags;
		long pages, offset;
		int error;
	} tries[] = {
		{ "page 0 writable", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 1, 0, EPERM },
		{ "page 1 writable", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 1, 1, EPERM },
		{ "writable, read-only file", O_RDONLY, PROT_WRITE, MAP_SHARED, 1, 0, EACCES },
		{ "page 1, read-only file", O_RDONLY, PROT_READ, MAP_SHARED, 1, 1, EACCES },
		{ "a third page", O_RDWR, PROT_READ, MAP_SHARED, 1, 2, EINVAL },
		{ "two pages", O_RDWR, PROT_READ, MAP_SHARED, 2, 0, EINVAL },
		{ "a private mapping", O_RDWR, PROT_READ, MAP_PRIVATE, 1, 0, EINVAL },
		{ "a private writable mapping", O_RDWR, PROT_READ | PROT_WRITE, MAP_PRIVATE, 1, 0,
		  EINVAL },
	};
	size_t i;
	void *p;
	int fd;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		fd = must_open(tries[i].open);
		p = try_map(fd, tries[i].prot, tries[i].flags, tries[i].pages, tries[i].offset);
		ok(p == MAP_FAILED && errno == tries[i].error, "mmap of %s: %s", tries[i].name,
		   strerror(tries[i].error));
		close(fd);
	}
}

static void test_map_raw(void)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	int fd = must_open(O_RDWR);
	const char *p;

	equal(result(ioctl(fd, VMGENID_INFO, &info)), 0, "INFO answers");
	ok(info.flags & VMGENID_INFO_RAW_PAGE, "INFO says that page 1 can be mapped");
	ok(info.flags & VMGENID_INFO_ID_SHOWN, "INFO shows the ID to a writable descriptor");
	p = try_map(fd, PROT_READ, MAP_SHARED, 1, 1);
	if (!ok(p != MAP_FAILED, "page 1 can be mapped"))
		return;
	ok(!memcmp(p + info.id_offset, info.id, sizeof(info.id)), "the ID is where INFO says");
	equal(result(mprotect((void *)p, (size_t)page, PROT_WRITE)), -EACCES,
	      "mprotect to write is refused");
	munmap((void *)p, (size_t)page);
	close(fd);
}

static void test_info(void)
{
	static const struct vmgenid_info nothing;
	struct {
		struct vmgenid_info info;
		char newer[64];
	} big = { .info.size = sizeof(big), .newer = "untouched" };
	struct vmgenid_info info = { .size = sizeof(info) };
	int fd = must_open(O_RDONLY);

	equal(result(ioctl(fd, VMGENID_INFO, &info)), 0, "INFO answers everybody");
	equal(info.size, sizeof(info), "it fills in the structure");
	equal(info.version, VMGENID_ABI_VERSION, "the version is right");
	equal((long long)info.generation, 1, "the generation is right");
	equal((long long)info.changes, 0, "no change is counted");
	ok(!strcmp((char *)info.hid, getenv("HID") ?: "QEMUVGID"), "the hid is the host's: %s", info.hid);
	ok(info.flags & VMGENID_INFO_ID_VALID, "there is an ID");
	ok(info.flags & VMGENID_INFO_NOTIFIES, "the host notifies");
	ok(!(info.flags & (VMGENID_INFO_ID_SHOWN | VMGENID_INFO_RAW_PAGE)) &&
	   !memcmp(info.id, nothing.id, sizeof(info.id)), "the ID is not for everybody");

	equal(result(ioctl(fd, _IOWR(VMGENID_IOC_TYPE, 2, big), &big)), 0,
	      "INFO serves a program built for a newer header");
	ok(big.info.size == sizeof(info) && !strcmp(big.newer, "untouched"),
	   "and leaves what it does not know");

	info = (struct vmgenid_info){ .size = sizeof(info), .flags = 1U << 31 };
	equal(result(ioctl(fd, VMGENID_INFO, &info)), -EINVAL, "INFO with an unknown flag: EINVAL");
	info = (struct vmgenid_info){ .size = sizeof(info) - 1 };
	equal(result(ioctl(fd, VMGENID_INFO, &info)), -EINVAL, "INFO with another size: EINVAL");
	equal(result(ioctl(fd, _IOWR(VMGENID_IOC_TYPE, 2, __u64), &info)), -EINVAL,
	      "INFO with a size below the first release's: EINVAL");
	equal(result(ioctl(fd, VMGENID_INFO, NULL)), -EFAULT, "INFO to NULL: EFAULT");
	close(fd);
}

static __u64 cookie_of(int fd)
{
	struct vmgenid_info info = { .size = sizeof(info) };

	return ioctl(fd, VMGENID_INFO, &info) ? 0 : info.cookie;
}

static int wait_as(int fd, __u64 cookie)
{
	struct vmgenid_wait wait = { .known = 0, .cookie = cookie };

	return result(ioctl(fd, VMGENID_WAIT, &wait));
}

static void test_cookie(void)
{
	int first = must_open(O_RDONLY), second = must_open(O_RDWR), copy = dup(first);
	__u64 a = cookie_of(first), b = cookie_of(second);

	ok(a && b && a != b, "each open file has a cookie of its own");
	ok(cookie_of(copy) == a && cookie_of(first) == a, "and keeps it, whatever the descriptor");
	equal(wait_as(copy, a), 0, "WAIT with that of the file returns");
	equal(wait_as(second, a), -ESTALE, "with that of another: ESTALE");
	equal(wait_as(second, 0), 0, "with none it returns");
	dup2(second, first);
	equal(wait_as(first, a), -ESTALE, "a number that another file has got: ESTALE");
	close(first);
	close(second);
	close(copy);
	first = must_open(O_RDONLY);
	ok(cookie_of(first) != a && cookie_of(first) != b, "no later file has it again");
	close(first);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_wait(void)
{
	struct vmgenid_wait wait = { .known = 0, .timeout_ns = -1 };
	/* Again and again, for the first may come before the wait begins. */
	const struct itimerval soon = {
		.it_value.tv_usec = 50000, .it_interval.tv_usec = 50000,
	}, never = { .it_value.tv_usec = 0 };
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct sigaction restart = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	int fd = must_open(O_RDONLY);

	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), 0, "WAIT on 0 returns at once");
	equal((long long)wait.record.generation, 1, "with the record");
	wait = (struct vmgenid_wait){ .known = 7, .timeout_ns = -1 };
	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), 0, "so does WAIT on another generation");
	wait = (struct vmgenid_wait){ .known = 1, .timeout_ns = 0 };
	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), -ETIMEDOUT, "WAIT on this one: ETIMEDOUT");
	wait.timeout_ns = 20 * 1000 * 1000;
	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), -ETIMEDOUT, "also later");
	wait.timeout_ns = -1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), -EINTR, "WAIT is ended by a signal: EINTR");
	wait.timeout_ns = 60 * 1000000000LL;
	sigaction(SIGALRM, &restart, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	equal(result(ioctl(fd, VMGENID_WAIT, &wait)), -EINTR,
	      "also with SA_RESTART, because the time-out would begin anew");
	setitimer(ITIMER_REAL, &never, NULL);
	equal(result(ioctl(fd, VMGENID_WAIT, NULL)), -EFAULT, "WAIT on NULL: EFAULT");
	equal(result(ioctl(fd, _IOWR(VMGENID_IOC_TYPE, 1, __u32), &wait)), -EINVAL,
	      "WAIT with another size: EINVAL");
	equal(result(ioctl(fd, _IO(VMGENID_IOC_TYPE, 0x7f), 0)), -ENOTTY,
	      "an unknown request: ENOTTY");
	close(fd);
}

static void test_open(void)
{
	pid_t pid;
	int status;

	equal(result(open(node, O_WRONLY)), -EINVAL, "open for writing only: EINVAL");
	pid = fork();
	if (!pid) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(10);
		if (result(open(node, O_RDWR)) != -EPERM)
			_exit(11);
		_exit(open(node, O_RDONLY) < 0 ? 12 : 0);
	}
	waitpid(pid, &status, 0);
	equal(status, 0, "nobody may open it for reading, and not for writing");
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	test_open();
	test_read();
	test_map_page();
	test_map_wrong();
	test_map_raw();
	test_info();
	test_cookie();
	test_wait();
	return tap_done();
}
