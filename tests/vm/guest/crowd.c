/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * crowd SECONDS: 64 threads use the library in every way at once, most of them
 * on one handle, while the host changes the ID time and again.
 *
 * The host finds in the guest's memory what has been told and run so far, and
 * changes the ID again once every thread is through with the last change. So at
 * the end each change has to be told once to those who share a handle, and each
 * guard has run once for each, and once at first.
 *
 * Prints "crowd ADDRESS", and once the host says there that it is over "changes
 * N told N read N waited N draws N openings N threads N"; after SECONDS a signal
 * ends it.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "broken.h"
#include "libvmgen.h"
#include "vm/guest/pagemap.h"

enum {
	PAUSE_US = 1000,
	WAIT_NS = 20 * 1000 * 1000,
	GUARDS = 16,
};

/* Read by the host, and written where it says so: see t-crowd.py. */
static struct {
	_Atomic uint64_t over; /* by the host */
	_Atomic uint64_t told;
	_Atomic uint64_t read;
	_Atomic uint64_t shared_runs;
	_Atomic uint64_t slowest_guard;
	_Atomic uint64_t waited;
} state __attribute__((aligned(4096)));

static struct vmgen *shared;
static struct vmgen_guard shared_guard;
/* Not atomic: the thread that runs for the shared guard is alone. */
static uint64_t alone;
static _Atomic uint64_t guard_runs[GUARDS];
static atomic_ulong draws, openings;
static uint64_t first_generation;

static void went_well(int r, int expected, const char *what)
{
	if (r < 0 && r != expected)
		broken("%s: %s", what, strerror(-r));
}

static void ask(unsigned int number)
{
	if (number % 2 ? vmgen_changed_now(shared) : vmgen_changed(shared))
		atomic_fetch_add(&state.told, 1);
}

static int count_run(void *arg)
{
	_Atomic uint64_t *runs = arg;

	atomic_fetch_add(runs, 1);
	return 0;
}

static void guard(unsigned int number)
{
	static struct vmgen_guard guards[GUARDS];
	uint64_t slowest = UINT64_MAX;
	int i;

	went_well(vmgen_guard_run(shared, &guards[number], 0, count_run, &guard_runs[number]), 0,
		  "vmgen_guard_run");
	for (i = 0; i < GUARDS; i++)
		if (atomic_load(&guard_runs[i]) < slowest)
			slowest = atomic_load(&guard_runs[i]);
	atomic_store(&state.slowest_guard, slowest);
}

static int run_alone(void *arg)
{
	uint64_t before = alone;

	(void)arg;
	usleep(PAUSE_US);
	alone = before + 1;
	atomic_store(&state.shared_runs, alone);
	return 0;
}

static void guard_together(unsigned int number)
{
	unsigned int flags = number % 4 ? 0 : VMGEN_GUARD_NOWAIT;

	went_well(vmgen_guard_run(shared, &shared_guard, flags, run_alone, NULL), -EBUSY,
		  "vmgen_guard_run of many");
}

static void draw(unsigned int number)
{
	static const uint8_t zeros[16];
	uint8_t bytes[16] = { 0 };

	(void)number;
	went_well(vmgen_getrandom(shared, bytes, sizeof(bytes)), 0, "vmgen_getrandom");
	if (!memcmp(bytes, zeros, sizeof(bytes)))
		broken("vmgen_getrandom: zeros");
	atomic_fetch_add(&draws, 1);
}

static void wait_for_change(unsigned int number)
{
	uint64_t known = vmgen_generation(shared), generation;
	int r = vmgen_wait(shared, known, WAIT_NS, &generation);

	(void)number;
	went_well(r, -ETIMEDOUT, "vmgen_wait");
	if (r == 0 && generation <= known)
		broken("vmgen_wait: generation %" PRIu64 " after %" PRIu64, generation, known);
	atomic_fetch_add(&state.waited, r == 0);
}

static void take(unsigned int number)
{
	struct vmgen_event event;
	int r = vmgen_read(shared, &event, sizeof(event));

	(void)number;
	went_well(r, -EAGAIN, "vmgen_read");
	atomic_fetch_add(&state.read, r == 0);
}

/* A handle's whole life. */
static void open_and_close(unsigned int number)
{
	struct vmgen_info info;
	uint8_t id[VMGEN_ID_SIZE];
	struct vmgen *v = NULL;
	bool changed;

	went_well(vmgen_open(NULL, number % 2 ? VMGEN_UNPRIVILEGED : 0, &v), 0, "vmgen_open");
	went_well(vmgen_info(v, &info, sizeof(info)), 0, "vmgen_info");
	went_well(vmgen_id(v, id), number % 2 ? -EPERM : 0, "vmgen_id");
	changed = vmgen_changed(v);
	(void)changed;
	if (vmgen_fd(v) < 0 || info.generation < first_generation)
		broken("a new handle: generation %" PRIu64, info.generation);
	vmgen_close(v);
	atomic_fetch_add(&openings, 1);
}

static void look(unsigned int number)
{
	struct vmgen_event event;
	struct vmgen_info info;

	(void)number;
	went_well(vmgen_event(shared, &event, sizeof(event)), 0, "vmgen_event");
	went_well(vmgen_info(shared, &info, sizeof(info)), 0, "vmgen_info");
	if (info.generation < event.generation || vmgen_generation(shared) < info.generation)
		broken("the generation went back");
}

static const struct {
	unsigned int threads;
	void (*use)(unsigned int number);
} ways[] = {
	{ 16, ask },  { GUARDS, guard }, { 12, guard_together }, { 4, draw },
	{ 4, wait_for_change }, { 4, take }, { 4, open_and_close }, { 4, look },
};

struct worker {
	pthread_t id;
	void (*use)(unsigned int number);
	unsigned int number;
};

static void *work(void *arg)
{
	const struct worker *w = arg;

	while (!atomic_load(&state.over)) {
		w->use(w->number);
		usleep(PAUSE_US);
	}
	return NULL;
}

static unsigned int start(struct worker *workers)
{
	unsigned int count = 0, number;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (number = 0; number < ways[i].threads; number++) {
			struct worker *w = &workers[count++];

			*w = (struct worker){ .use = ways[i].use, .number = number };
			if (pthread_create(&w->id, NULL, work, w))
				broken("no thread %u", count);
		}
	}
	return count;
}

/* Each change once: to those who share a handle, and by each guard. */
static void judge(uint64_t changes)
{
	int i;

	if (state.told != changes)
		broken("%" PRIu64 " changes, told %" PRIu64 " times", changes, state.told);
	if (state.read != changes)
		broken("%" PRIu64 " changes, read %" PRIu64 " times", changes, state.read);
	if (alone != changes + 1)
		broken("%" PRIu64 " changes, the shared guard ran %" PRIu64 " times", changes,
		       alone);
	for (i = 0; i < GUARDS; i++)
		if (guard_runs[i] != changes + 1)
			broken("%" PRIu64 " changes, guard %d ran %" PRIu64 " times", changes, i,
			       guard_runs[i]);
}

int main(int argc, char **argv)
{
	struct worker workers[64];
	unsigned int count, i;
	uint64_t changes;

	if (argc != 2)
		return 2;
	alarm((unsigned int)atoi(argv[1]));
	/* A page that nobody has written to is nowhere, and sanitizers lock none. */
	atomic_store(&state.over, 0);
	if (mlock(&state, sizeof(state)) || !physical(&state))
		broken("address");
	went_well(vmgen_open(NULL, 0, &shared), 0, "vmgen_open");
	first_generation = vmgen_generation(shared);
	count = start(workers);
	printf("crowd %#" PRIx64 "\n", physical(&state));
	fflush(stdout);
	for (i = 0; i < count; i++)
		pthread_join(workers[i].id, NULL);
	changes = vmgen_generation(shared) - first_generation;
	judge(changes);
	printf("changes %" PRIu64 " told %" PRIu64 " read %" PRIu64 " waited %" PRIu64
	       " draws %lu openings %lu threads %u\n",
	       changes, state.told, state.read, state.waited, draws, openings, count);
	vmgen_close(shared);
	return 0;
}
