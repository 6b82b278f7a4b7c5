/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * storm LOADS MODULE NODE...: 64 threads use the nodes in every way at once
 * while the host changes the ID, and MODULE is unloaded and loaded again as
 * often as told. Ends with an error when an answer is impossible; when a call
 * hangs it does not end.
 *
 * Prints "loads N openings N calls N generation N" at the end; the generation
 * is the highest that was seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "broken.h"

enum {
	THREADS = 64,
	/* Of one open file. */
	CALLS = 40,
	/* Of the module, between two unloads. */
	LIFE_MS = 300,
	/* While the module wants to go it needs a gap: the threads rest, ever longer. */
	REST_MS = 100,
	REFUSALS = 20,
};

/* What one open file has told; the module stays while it is open. */
struct view {
	int fd;
	unsigned int seed;
	struct vmgenid_record record;
	uint64_t generation;
};

struct node {
	const char *path;
	void (*call)(struct view *v);
};

static atomic_bool leaving, over;
static atomic_long rest_ms;
static atomic_ulong openings, calls, highest;
static size_t page;

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* For all that tell a generation: it never goes back while the module stays. */
static void saw(struct view *v, uint64_t generation, const char *by)
{
	unsigned long old = atomic_load(&highest);

	if (generation < v->generation)
		broken("%s: generation %" PRIu64 " after %" PRIu64, by, generation, v->generation);
	v->generation = generation;
	while (generation > old && !atomic_compare_exchange_weak(&highest, &old, generation))
		;
}

/* The parts of a record belong together, or it was torn. */
static void saw_record(struct view *v, const struct vmgenid_record *r, const char *by)
{
	const struct vmgenid_record *old = &v->record;
	bool fresh = r->generation == 1;

	saw(v, r->generation, by);
	if (!r->generation || fresh != !r->changed_boottime_ns ||
	    fresh != (r->source == VMGENID_SOURCE_NONE))
		broken("%s: generation %" PRIu64 " at %" PRIu64 " by %u", by,
		       (uint64_t)r->generation, (uint64_t)r->changed_boottime_ns, r->source);
	if (r->flags & ~(VMGENID_RNG_STALE | VMGENID_NO_ID | VMGENID_RNG_OTHER))
		broken("%s: flags %#x", by, r->flags);
	if (r->generation == old->generation ?
		    r->changed_boottime_ns != old->changed_boottime_ns || r->source != old->source :
		    r->changed_boottime_ns <= old->changed_boottime_ns && old->generation)
		broken("%s: generation %" PRIu64 " changed its time or source", by,
		       (uint64_t)r->generation);
	v->record = *r;
}

/* A call that must succeed, or fail in a way that its user has to expect. */
static bool went_well(long r, int expected, const char *what)
{
	if (r < 0 && errno != expected)
		broken("%s: %s", what, strerror(errno));
	return r >= 0;
}

static void call_read(struct view *v)
{
	struct vmgenid_record record;
	uint64_t generation;

	if (rand_r(&v->seed) % 2) {
		if (went_well(read(v->fd, &record, sizeof(record)), EAGAIN, "read"))
			saw_record(v, &record, "read");
	} else if (went_well(read(v->fd, &generation, sizeof(generation)), EAGAIN, "read of 8")) {
		saw(v, generation, "read of 8");
	}
}

static void call_poll(struct view *v)
{
	struct pollfd p = { .fd = v->fd, .events = POLLIN };

	went_well(poll(&p, 1, rand_r(&v->seed) % 3), 0, "poll");
	if (p.revents & ~POLLIN)
		broken("poll: events %#x", (unsigned int)p.revents);
}

static void call_map(struct view *v)
{
	const struct vmgenid_page *p = mmap(NULL, page, PROT_READ, MAP_SHARED, v->fd, 0);

	if (p == MAP_FAILED)
		broken("mmap: %s", strerror(errno));
	saw(v, __atomic_load_n(&p->generation, __ATOMIC_ACQUIRE), "page");
	if (p->flags & ~(VMGENID_RNG_STALE | VMGENID_NO_ID | VMGENID_RNG_OTHER) || p->version != VMGENID_ABI_VERSION)
		broken("page: flags %#x, version %u", p->flags, p->version);
	munmap((void *)p, page);
}

static void call_map_raw(struct view *v)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	const uint8_t *p = mmap(NULL, page, PROT_READ, MAP_SHARED, v->fd, (off_t)page);
	volatile uint8_t byte;

	if (p == MAP_FAILED || ioctl(v->fd, VMGENID_INFO, &info))
		broken("raw page: %s", strerror(errno));
	byte = p[info.id_offset];
	(void)byte;
	munmap((void *)p, page);
}

static void call_wait(struct view *v)
{
	struct vmgenid_wait wait = {
		.known = rand_r(&v->seed) % 2 ? v->generation : 0,
		.timeout_ns = rand_r(&v->seed) % 2000000,
	};

	if (!went_well(ioctl(v->fd, VMGENID_WAIT, &wait), ETIMEDOUT, "WAIT"))
		return;
	if (wait.record.generation == wait.known)
		broken("WAIT: returned for nothing");
	saw_record(v, &wait.record, "WAIT");
}

static void call_info(struct view *v)
{
	struct vmgenid_info info = { .size = sizeof(info) };

	if (ioctl(v->fd, VMGENID_INFO, &info))
		broken("INFO: %s", strerror(errno));
	saw(v, info.generation, "INFO");
	if (info.changes != info.generation - 1)
		broken("INFO: %" PRIu64 " changes", (uint64_t)info.changes);
}

static void call_wrong(struct view *v)
{
	char buf[5];

	if (read(v->fd, buf, sizeof(buf)) != -1 || errno != EINVAL)
		broken("a read of 5 bytes is not refused");
	if (ioctl(v->fd, _IO(VMGENID_IOC_TYPE, 0x7f)) != -1 || errno != ENOTTY)
		broken("an unknown request is not refused");
	if (mmap(NULL, page, PROT_WRITE, MAP_SHARED, v->fd, 0) != MAP_FAILED || errno != EPERM)
		broken("a writable mapping is not refused");
}

static void call_vmgenid(struct view *v)
{
	static void (*const any[])(struct view *) = {
		call_read, call_poll, call_map, call_map_raw, call_wait, call_info, call_wrong,
	};

	any[(size_t)rand_r(&v->seed) % (sizeof(any) / sizeof(any[0]))](v);
}

/* /dev/sysgenid: the same in 32 bits, of which it starts at 0. */
static void call_sysgenid(struct view *v)
{
	const uint32_t *p = mmap(NULL, page, PROT_READ, MAP_SHARED, v->fd, 0);
	uint32_t generation;

	if (p == MAP_FAILED)
		broken("mmap of sysgenid: %s", strerror(errno));
	saw(v, __atomic_load_n(p, __ATOMIC_ACQUIRE), "page of sysgenid");
	munmap((void *)p, page);
	call_poll(v);
	if (went_well(read(v->fd, &generation, sizeof(generation)), EAGAIN, "read of sysgenid"))
		saw(v, generation, "read of sysgenid");
}

static const struct node nodes[] = {
	{ "/dev/vmgenid", call_vmgenid },
	{ "/dev/sysgenid", call_sysgenid },
};

static const struct node *find(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (!strcmp(nodes[i].path, path))
			return &nodes[i];
	fprintf(stderr, "storm: %s: no such node is known\n", path);
	exit(2);
}

/* One open file, from its first call to its last; a short life while the module wants to go. */
static void use(const struct node *node, unsigned int *seed)
{
	struct view v = { .fd = open(node->path, O_RDWR | O_NONBLOCK), .seed = *seed };
	int i;

	if (v.fd < 0) {
		/* No node, no driver behind it any more, or one that is leaving. */
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO)
			broken("open: %s", strerror(errno));
		return;
	}
	for (i = 0; i < CALLS && !(i && atomic_load(&leaving)); i++)
		node->call(&v);
	close(v.fd);
	*seed = v.seed;
	atomic_fetch_add(&openings, 1);
	atomic_fetch_add(&calls, (unsigned long)i);
}

static void *work(void *node)
{
	unsigned int seed = (unsigned int)(uintptr_t)&seed;

	while (!atomic_load(&over)) {
		if (atomic_load(&leaving))
			pause_ms(rand_r(&seed) % atomic_load(&rest_ms));
		use(node, &seed);
	}
	return NULL;
}

/* Refused while a thread has a node open, so tried until there is a gap. */
static void reload(int module)
{
	int refused = 0;

	atomic_store(&rest_ms, REST_MS);
	atomic_store(&leaving, true);
	while (syscall(SYS_delete_module, "vmgenc", O_NONBLOCK)) {
		if (errno != EAGAIN)
			broken("unload: %s", strerror(errno));
		if (++refused % REFUSALS == 0)
			atomic_store(&rest_ms, 2 * atomic_load(&rest_ms));
		pause_ms(1);
	}
	if (syscall(SYS_finit_module, module, "", 0))
		broken("load: %s", strerror(errno));
	atomic_store(&leaving, false);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int module, loads, i;

	if (argc < 4 || (module = open(argv[2], O_RDONLY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "usage: storm LOADS MODULE NODE...\n");
		return 2;
	}
	page = (size_t)sysconf(_SC_PAGESIZE);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work,
				   (void *)find(argv[3 + i % (argc - 3)])))
			broken("no thread %d", i);
	for (loads = 0; loads < atoi(argv[1]); loads++) {
		pause_ms(LIFE_MS);
		reload(module);
	}
	atomic_store(&over, true);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("loads %d openings %lu calls %lu generation %lu\n", loads, atomic_load(&openings),
	       atomic_load(&calls), atomic_load(&highest));
	return 0;
}
