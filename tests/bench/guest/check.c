/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * check SAMPLES CALLS [device]: what it costs to ask whether something changed,
 * by each way, while nothing does.
 *
 * Each is timed twice: call upon call, as many as the processor can have under
 * way at once; and alone, each waiting for what came before, as in a program
 * that does something else in between. The ways take turns, so that what else the
 * machine does meets all of them. Prints a line for each: its name, "loop" or
 * "alone" and, of each sample, nanoseconds for a call.
 *
 * device: in a guest, on what the module offers. Otherwise on files in memory; no
 * file has a raw page, so a copy of the library's own handle is given one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bench/guest/u32.h"
#include "libvmgen.h"
#include "vmclock.h"
#include "vmgen.h"

enum {
	MAX_SAMPLES = 100000,
	MAX_CALLS = 10000000,
	PAGE = 4096,
	/* A system call takes as long as so many checks. */
	SLOW = 100,
};

struct handles {
	/* Of the counter page alone, and with the raw page. */
	struct vmgen *counter;
	struct vmgen *raw;
	struct vmgen_guard guard;
	int device;
};

static void fail(const char *what)
{
	fprintf(stderr, "check: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

#if defined(__x86_64__)
#define BARRIER	"lfence"
#elif defined(__aarch64__)
#define BARRIER	"isb"
#else
#error "no instruction is known here that waits for those before it"
#endif

/* A function for each, so that the compiler sees which, and callgrind counts it. */
#define LOOP(name, instruction, call)						\
	__attribute__((noinline)) static void name(struct handles *h, long calls) \
	{									\
		const volatile uint64_t *page = h->counter->source.counter;	\
		struct vmgen *counter = h->counter, *raw = h->raw;		\
		uint64_t word = 0;						\
		uint32_t now = 0;						\
										\
		(void)page, (void)counter, (void)raw, (void)word, (void)now;	\
		for (; calls; calls--)						\
			__asm__ volatile(instruction : : "g"(call));		\
	}
#define WAY(name, call)								\
	LOOP(loop_##name, "", call)						\
	LOOP(alone_##name, BARRIER, call)

WAY(empty, 0)
WAY(load, *page)
WAY(u32, u32_changed())
WAY(awslc, u32_generation(&now) && now == 1)
WAY(changed, vmgen_changed(counter))
WAY(changed_raw, vmgen_changed(raw))
WAY(guard, vmgen_guard_run(raw, &h->guard, 0, nothing, NULL))
WAY(changed_now, vmgen_changed_now(raw))
WAY(read, read(h->device, &word, sizeof(word)))
WAY(getrandom, getrandom(&word, sizeof(word), 0))
WAY(vmgen_getrandom, vmgen_getrandom(raw, &word, sizeof(word)))

enum {
	/* Much longer than the others. */
	IS_SLOW = 1,
	/* Files have none. */
	NEEDS_DEVICE = 2,
	MODES = 2,
};

static const struct way {
	const char *name;
	void (*run[MODES])(struct handles *h, long calls);
	int flags;
} ways[] = {
	{ "empty", { loop_empty, alone_empty }, 0 },
	{ "load", { loop_load, alone_load }, 0 },
	{ "u32", { loop_u32, alone_u32 }, 0 },
	{ "awslc", { loop_awslc, alone_awslc }, 0 },
	{ "changed", { loop_changed, alone_changed }, 0 },
	{ "changed_raw", { loop_changed_raw, alone_changed_raw }, 0 },
	{ "guard", { loop_guard, alone_guard }, 0 },
	{ "changed_now", { loop_changed_now, alone_changed_now }, IS_SLOW },
	{ "read", { loop_read, alone_read }, IS_SLOW | NEEDS_DEVICE },
	{ "getrandom", { loop_getrandom, alone_getrandom }, IS_SLOW },
	{ "vmgen_getrandom", { loop_vmgen_getrandom, alone_vmgen_getrandom },
	  IS_SLOW | NEEDS_DEVICE },
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static struct vmgen *open_handle(const char *path, unsigned int flags)
{
	struct vmgen *v;
	int r = vmgen_open(path, flags, &v);

	if (r < 0) {
		errno = -r;
		fail(path ? path : "vmgen_open");
	}
	return v;
}

/* Returns the path of a file that holds what a device would show. */
static const char *file_of(const void *content, size_t size)
{
	static char path[2][32];
	static unsigned int n;
	int fd = memfd_create("page", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGE) || pwrite(fd, content, size, 0) != (ssize_t)size)
		fail("memfd_create");
	snprintf(path[n], sizeof(path[n]), "/proc/self/fd/%d", fd);
	return path[n++];
}

static void open_files(struct handles *h)
{
	const struct vmclock_page page = {
		.magic = VMCLOCK_MAGIC,
		.size = sizeof(page),
		.version = 1,
		.flags = VMCLOCK_VM_GEN_COUNTER_PRESENT,
		.vm_generation_counter = 1,
	};
	const uint32_t generation = 1;
	const unsigned int file = VMGEN_REGULAR_FILE;
	word64 *id = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *path = file_of(&page, sizeof(page));

	if (id == MAP_FAILED)
		fail("mmap");
	h->counter = open_handle(path, VMGEN_VMCLOCK | file);
	h->raw = open_handle(path, VMGEN_VMCLOCK | file);
	id[0] = 1;
	id[1] = 2;
	h->raw->raw = id;
	h->raw->settled[0] = id[0];
	h->raw->settled[1] = id[1];
	if (!u32_open(file_of(&generation, sizeof(generation))))
		fail("a file in memory");
}

static void open_devices(struct handles *h)
{
	uint64_t word;

	h->counter = open_handle(NULL, VMGEN_VMGENID | VMGEN_UNPRIVILEGED);
	h->raw = open_handle(NULL, VMGEN_VMGENID);
	if (!h->raw->source.raw)
		fail("no raw page");
	h->device = open("/dev/vmgenid", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (h->device < 0 || read(h->device, &word, sizeof(word)) != sizeof(word))
		fail("/dev/vmgenid");
	if (!u32_open("/dev/sysgenid"))
		fail("/dev/sysgenid");
}

static double measure(const struct way *way, int mode, struct handles *h, long calls)
{
	struct timespec start, end;

	if (way->flags & IS_SLOW)
		calls /= SLOW;
	clock_gettime(CLOCK_MONOTONIC, &start);
	way->run[mode](h, calls);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - start.tv_sec) * 1e9 +
		(double)(end.tv_nsec - start.tv_nsec)) / (double)calls;
}

static bool is_there(const struct way *way, const struct handles *h)
{
	return h->device >= 0 || !(way->flags & NEEDS_DEVICE);
}

static void measure_all(struct handles *h, long samples, long calls)
{
	double *ns = calloc((size_t)samples * WAYS * MODES, sizeof(*ns));

	if (!ns)
		fail("memory");
	for (long s = 0; s < samples; s++)
		for (int i = 0; i < WAYS * MODES; i++)
			if (is_there(&ways[i / MODES], h))
				ns[i * samples + s] = measure(&ways[i / MODES], i % MODES, h, calls);
	for (int i = 0; i < WAYS * MODES; i++) {
		if (!is_there(&ways[i / MODES], h))
			continue;
		printf("%s %s", ways[i / MODES].name, i % MODES ? "alone" : "loop");
		for (long s = 0; s < samples; s++)
			printf(" %.3f", ns[i * samples + s]);
		putchar('\n');
	}
	free(ns);
}

int main(int argc, char **argv)
{
	const bool device = argc == 4 && !strcmp(argv[3], "device");
	const long samples = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	const long calls = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	struct handles h = { .guard = VMGEN_GUARD_INIT, .device = -1 };

	if (argc > 3 + device || samples < 1 || samples > MAX_SAMPLES || calls < SLOW ||
	    calls > MAX_CALLS) {
		fprintf(stderr, "usage: check SAMPLES CALLS [device]\n");
		return 2;
	}
	device ? open_devices(&h) : open_files(&h);
	measure_all(&h, samples, calls);
	return 0;
}
