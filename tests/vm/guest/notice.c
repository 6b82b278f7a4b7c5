/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waits for a change in the way that the argument names, draws random numbers
 * at once, one after the other, and prints "GENERATION NUMBER...".
 *
 * SIGUSR1 ends the wait as well, as generation 0, so that what the same program
 * draws without a change can be compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "libvmgen.h"

enum {
	DRAWS = 64,
	/* Short enough to fall between two steps of the module now and then. */
	PEEK_US = 100,
};

__attribute__((noreturn)) static void fail(const char *what)
{
	printf("notice: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_device(void)
{
	struct vmgenid_record record;
	int fd = open("/dev/vmgenid", O_RDONLY);

	/* The first read of a file returns at once. */
	if (fd < 0 || read(fd, &record, sizeof(record)) != sizeof(record))
		fail("/dev/vmgenid");
	return fd;
}

static uint64_t by_read(void)
{
	struct vmgenid_record record;

	if (read(open_device(), &record, sizeof(record)) != sizeof(record))
		fail("read");
	return record.generation;
}

static uint64_t by_poll(void)
{
	struct pollfd p = { .fd = open_device(), .events = POLLIN };
	uint64_t generation;

	if (poll(&p, 1, -1) != 1 || read(p.fd, &generation, sizeof(generation)) != 8)
		fail("poll");
	return generation;
}

static uint64_t by_wait(void)
{
	struct vmgenid_wait wait = { .known = 1, .timeout_ns = -1 };

	if (ioctl(open_device(), VMGENID_WAIT, &wait))
		fail("VMGENID_WAIT");
	return wait.record.generation;
}

static uint64_t by_map(void)
{
	const volatile struct vmgenid_page *page =
		mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, open_device(), 0);

	if (page == MAP_FAILED)
		fail("mmap");
	while (page->generation == 1)
		usleep(PEEK_US);
	return page->generation;
}

static uint64_t by_sysctl(void)
{
	int fd = open("/proc/sys/dev/vmgenc/0/generation", O_RDONLY);
	char text[32] = "";

	for (;;) {
		if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
			fail("sysctl");
		if (strcmp(text, "1\n"))
			break;
		usleep(PEEK_US);
	}
	return strtoull(text, NULL, 10);
}

/* The event does not carry the number; the page has it without another wait. */
static uint64_t by_uevent(void)
{
	const struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
	const volatile struct vmgenid_page *page =
		mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, open_device(), 0);
	static const char want[] = "NEW_VMGENID=1";
	char text[4096];
	ssize_t n;

	if (page == MAP_FAILED || bind(s, (const void *)&group, sizeof(group)))
		fail("uevent");
	do {
		n = recv(s, text, sizeof(text), 0);
		if (n < 0)
			fail("uevent");
	} while (!memmem(text, (size_t)n, want, sizeof(want)));
	return page->generation;
}

static struct vmgen *open_library(void)
{
	struct vmgen *v;
	int r = vmgen_open(NULL, 0, &v);

	if (r < 0) {
		errno = -r;
		fail("vmgen_open");
	}
	return v;
}

static uint64_t by_changed(void)
{
	struct vmgen *v = open_library();
	uint64_t generation;

	while (!vmgen_changed(v))
		usleep(PEEK_US);
	generation = vmgen_generation(v);
	vmgen_close(v);
	return generation;
}

static uint64_t by_vmgen_wait(void)
{
	struct vmgen *v = open_library();
	uint64_t generation;

	if (vmgen_wait(v, 1, -1, &generation) < 0)
		fail("vmgen_wait");
	vmgen_close(v);
	return generation;
}

static const struct {
	const char *name;
	uint64_t (*wait)(void);
} ways[] = {
	{ "read", by_read },	   { "poll", by_poll },
	{ "wait", by_wait },	   { "map", by_map },
	{ "sysctl", by_sysctl },   { "uevent", by_uevent },
	{ "changed", by_changed }, { "vmgen_wait", by_vmgen_wait },
};

static volatile sig_atomic_t reporting;

/* Draws first: whatever comes before gives the kernel time to reseed. */
static void report(uint64_t generation)
{
	uint64_t drawn[DRAWS];
	int i;

	reporting = 1;
	for (i = 0; i < DRAWS; i++)
		if (getrandom(&drawn[i], sizeof(drawn[i]), 0) != sizeof(drawn[i]))
			fail("getrandom");
	printf("%" PRIu64, generation);
	for (i = 0; i < DRAWS; i++)
		printf(" %016" PRIx64, drawn[i]);
	putchar('\n');
}

/* Nothing that waits uses stdio or allocates memory. */
static void end_wait(int signal)
{
	(void)signal;
	if (reporting)
		return;
	report(0);
	exit(0);
}

int main(int argc, char **argv)
{
	size_t i;

	signal(SIGUSR1, end_wait);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc != 2 || strcmp(argv[1], ways[i].name))
			continue;
		report(ways[i].wait());
		return 0;
	}
	printf("usage: notice read|poll|wait|map|sysctl|uevent|changed|vmgen_wait\n");
	return 2;
}
