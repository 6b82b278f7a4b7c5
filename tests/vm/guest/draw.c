/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * draw GUID|sleep COUNT SECONDS [LOG]: the first random numbers that a clone draws.
 *
 * Draws in a tight loop and keeps the COUNT first draws that were begun after
 * the generation ID had changed from GUID, or after the machine had slept.
 * Sibling clones of one snapshot run the same loop on from the same state, so
 * the draws they have in common are those that were made before anyone told the
 * kernel's generator. LOG gets a line before the first of them: with /dev/kmsg
 * it shows what the kernel did before user space ran, and what after.
 *
 * The ID is read straight from the hypervisor's memory (through /dev/mem),
 * not from vmgen, so that a stock kernel can be measured with the same ruler.
 *
 * Prints "ready" when the loop begins; at its end "before N", the number of
 * draws made while the ID was the old one, and the kept draws, one a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
	GUID_SIZE = 16,
	GUID_ALIGN = 8,
	MAX_COUNT = 1 << 20,
	MAX_SECONDS = 3600,
	/* A look at the clock is a system call under some clock sources. */
	DRAWS_PER_LOOK = 1024,
	/* A sleep is seconds long, and the clocks agree better than this. */
	SLEPT_NS = 500 * 1000 * 1000,
};

/* What tells that the machine is another one. */
struct event {
	const volatile uint64_t *id;	/* NULL: that it slept */
	uint64_t old_id;
	int64_t old_slept;
};

struct draws {
	uint64_t before;
	size_t n;
	uint64_t value[];
};

/* The text form shows the first three fields as numbers; in memory they are little-endian. */
static int parse_guid(const char *text, uint8_t *ret_guid)
{
	static const uint8_t memory_order[GUID_SIZE] = { 3, 2, 1, 0, 5,  4,  7,  6,
							 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t guid[GUID_SIZE];
	const char *p = text;

	if (strlen(text) != 36)
		return -EINVAL;
	for (int i = 0; i < GUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*p++ != '-')
				return -EINVAL;
		if (sscanf(p, "%2" SCNx8, &guid[memory_order[i]]) != 1)
			return -EINVAL;
		p += 2;
	}
	memcpy(ret_guid, guid, GUID_SIZE);
	return 0;
}

/* Looks for the GUID in one range of physical memory; returns where it is mapped, or NULL. */
static const uint8_t *find_in_range(int mem, uint64_t start, uint64_t end, const uint8_t *guid)
{
	size_t len = end - start + 1;
	const uint8_t *p = mmap(NULL, len, PROT_READ, MAP_SHARED, mem, (off_t)start);

	if (p == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i + GUID_SIZE <= len; i += GUID_ALIGN)
		if (memcmp(p + i, guid, GUID_SIZE) == 0)
			return p + i;
	munmap((void *)p, len);
	return NULL;
}

/* Xen's firmware puts it into the latter, which is open to programs with iomem=relaxed alone. */
static bool may_hold_id(const char *name)
{
	return !strcasecmp(name, "reserved") || !strcmp(name, "ACPI Non-volatile Storage");
}

static int find_guid(const uint8_t *guid, const uint8_t **ret_id)
{
	const uint64_t page = 4096, max_range = 64 << 20;
	const uint8_t *id = NULL;
	char line[256], name[64];
	uint64_t start, end;
	int mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	FILE *iomem = fopen("/proc/iomem", "re");

	if (mem < 0 || !iomem)
		return -errno;
	while (!id && fgets(line, sizeof(line), iomem)) {
		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %63[^\n]", &start, &end, name) != 3)
			continue;
		if (!may_hold_id(name) || start % page || end - start >= max_range)
			continue;
		id = find_in_range(mem, start, end, guid);
	}
	fclose(iomem);
	close(mem);
	if (!id)
		return -ENOENT;
	*ret_id = id;
	return 0;
}

/* Returns: 0; -EINVAL: neither a GUID nor "sleep"; else why the GUID was not found. */
static int parse_event(const char *text, struct event *ret_event)
{
	uint8_t guid[GUID_SIZE];
	const uint8_t *id = NULL;

	if (strcmp(text, "sleep")) {
		if (parse_guid(text, guid))
			return -EINVAL;

		int r = find_guid(guid, &id);

		if (r)
			return r;
	}
	*ret_event = (struct event){ .id = (const volatile uint64_t *)id };
	return 0;
}

static uint64_t seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Nanoseconds that the machine has slept since it was booted. */
static int64_t slept(void)
{
	struct timespec boot, awake;

	clock_gettime(CLOCK_MONOTONIC, &awake);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (boot.tv_sec - awake.tv_sec) * INT64_C(1000000000) + boot.tv_nsec - awake.tv_nsec;
}

/* One half of the ID is enough: every GUID that a test uses differs in it. */
static bool happened(const struct event *e)
{
	return e->id ? *e->id != e->old_id : slept() - e->old_slept > SLEPT_NS;
}

static int draw(struct event *e, int log, size_t count, uint64_t seconds, struct draws *d)
{
	static const char line[] = "draw: user space runs\n";
	const uint64_t deadline = seconds_now() + seconds;

	e->old_id = e->id ? *e->id : 0;
	e->old_slept = slept();
	while (d->n < count) {
		const bool after = happened(e);
		uint64_t value;

		if (after && !d->n && log >= 0 && write(log, line, sizeof(line) - 1) < 0)
			return -errno;
		if (getrandom(&value, sizeof(value), 0) != sizeof(value))
			return -errno;
		if (after)
			d->value[d->n++] = value;
		else if (++d->before % DRAWS_PER_LOOK == 0 && seconds_now() > deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: draw GUID|sleep COUNT SECONDS [LOG]\n");
	return 2;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "draw: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	struct event event;

	if (argc < 4 || argc > 5)
		return usage();

	const unsigned long count = strtoul(argv[2], NULL, 10);
	const unsigned long seconds = strtoul(argv[3], NULL, 10);

	if (count < 1 || count > MAX_COUNT || seconds < 1 || seconds > MAX_SECONDS)
		return usage();

	int r = parse_event(argv[1], &event);

	if (r == -EINVAL)
		return usage();
	if (r)
		return fail("no such GUID in the reserved memory", r);

	const int log = argc == 5 ? open(argv[4], O_WRONLY | O_CLOEXEC) : -1;

	if (argc == 5 && log < 0)
		return fail(argv[4], -errno);

	struct draws *d = calloc(1, sizeof(*d) + count * sizeof(d->value[0]));

	/* A page fault in the loop would be a place where only some siblings lose time. */
	if (!d || mlockall(MCL_CURRENT | MCL_FUTURE))
		return fail("locked memory", -errno);

	/* Blocks while the kernel's generator has not been seeded; the loop must not. */
	if (getrandom(d->value, sizeof(d->value[0]), 0) < 0)
		return fail("getrandom", -errno);
	puts("ready");
	fflush(stdout);
	r = draw(&event, log, count, seconds, d);
	if (r)
		return fail(event.id ? "no change of the ID" : "no sleep", r);
	printf("before %" PRIu64 "\n", d->before);
	for (size_t i = 0; i < d->n; i++)
		printf("%016" PRIx64 "\n", d->value[i]);
	return fflush(stdout) ? fail("standard output", -errno) : 0;
}
