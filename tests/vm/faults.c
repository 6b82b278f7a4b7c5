/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * faults MODULE: loads the module, uses the device and unloads the module, each
 * time with one more allocation of the kernel succeeding before one fails, until
 * none has failed. Whatever fails, what was begun must be undone: the module
 * goes, and the next round loads it.
 *
 * Prints "rounds N loads N" at the end: how often, and in how many of them the
 * module could be loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

/* More allocations than all of it can need. */
enum { MAX_ROUNDS = 5000 };

__attribute__((noreturn)) static void fail(const char *what, int round)
{
	printf("faults: round %d: %s: %s\n", round, what, strerror(errno));
	exit(1);
}

/* Documentation/fault-injection/fault-injection.rst; 0: none shall fail. */
static void let_fail(int fd, int nth, int round)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(fd, text, (size_t)length, 0) != length)
		fail("fail-nth", round);
}

/* Whether fewer allocations than that were made. */
static int left_over(int fd, int round)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		fail("fail-nth", round);
	return atoi(text) > 0;
}

static void use(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct vmgenid_info info = { .size = sizeof(info) };
	struct vmgenid_wait wait = { .known = 0 };
	struct vmgenid_record record;
	int fd = open("/dev/vmgenid", O_RDWR);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		munmap(p, page);
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (p != MAP_FAILED)
		munmap(p, page);
	if (read(fd, &record, sizeof(record)) < 0 || ioctl(fd, VMGENID_INFO, &info) ||
	    ioctl(fd, VMGENID_WAIT, &wait))
		errno = 0; /* may fail for want of memory; that it returns is enough */
	close(fd);
}

int main(int argc, char **argv)
{
	int control = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int module = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	int round, loaded, done;
	int loads = 0;

	if (module < 0 || control < 0)
		fail(argc > 1 ? argv[1] : "no module named", 0);
	for (round = 1; round < MAX_ROUNDS; round++) {
		let_fail(control, round, round);
		loaded = !syscall(SYS_finit_module, module, "", 0);
		if (!loaded && errno != ENOMEM)
			fail("load", round);
		if (loaded)
			use();
		done = left_over(control, round);
		let_fail(control, 0, round);
		if (loaded && syscall(SYS_delete_module, "vmgenc", O_NONBLOCK))
			fail("unload", round);
		loads += loaded;
		if (done)
			break;
	}
	printf("rounds %d loads %d\n", round, loads);
	return round == MAX_ROUNDS;
}
