/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * first DRAWS: what a program that uses the library does first in a clone.
 *
 * On each CPU one thread asks vmgen_changed() as fast as it can, and another
 * one draws by vmgen_getrandom(). Both count their rounds where the host can
 * read them from the guest's memory while it stands still, so it knows which
 * ones began in the new world. DRAWS 0: nobody draws.
 *
 * Prints "KIND ADDRESS" for each count before, "ready", and when the machine
 * has become another one "changed CPU ROUND": the round that told of it, and
 * "drew CPU ROUND NUMBER" for the draws around that and DRAWS more.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmgen.h"
#include "vm/guest/pagemap.h"

enum {
	MAX_CPUS = 16,
	MAX_DRAWS = 4096,
	/* Rounds that are shown from before the one in which the generation moved. */
	EARLIER = 8,
	LINE = 64,
};

/* Of one thread; the host reads it. */
struct count {
	volatile uint64_t rounds;
} __attribute__((aligned(LINE)));

struct thread {
	pthread_t id;
	struct vmgen *v;
	struct count *count;
	unsigned int cpu;
	/* The last rounds, those before number end. */
	uint64_t end;
	uint64_t drawn[MAX_DRAWS + EARLIER];
};

static struct count counts[2 * MAX_CPUS];
static struct thread threads[2 * MAX_CPUS];
static uint64_t draws;

__attribute__((noreturn, format(printf, 2, 3))) static void fail(int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", strerror(-r));
	fflush(stdout);
	_exit(1);
}

static void *look(void *arg)
{
	struct thread *t = arg;

	do
		t->count->rounds = t->count->rounds + 1;
	while (!vmgen_changed(t->v));
	t->end = t->count->rounds;
	return NULL;
}

/* A round is counted when its number is in hand. */
static void *draw(void *arg)
{
	struct thread *t = arg;
	uint64_t generation = vmgen_generation(t->v);
	uint64_t round = 0;
	int r;

	while (!t->end || round < t->end) {
		r = vmgen_getrandom(t->v, &t->drawn[round % (MAX_DRAWS + EARLIER)],
				    sizeof(t->drawn[0]));
		if (r < 0)
			fail(r, "vmgen_getrandom");
		t->count->rounds = ++round;
		if (!t->end && vmgen_generation(t->v) != generation)
			t->end = round + draws;
	}
	return NULL;
}

static void start(struct thread *t, const char *kind, void *(*run)(void *arg))
{
	cpu_set_t cpus;
	int r = vmgen_open(NULL, 0, &t->v);

	if (r < 0)
		fail(r, "vmgen_open");
	t->count = &counts[t - threads];
	t->count->rounds = 0;
	if (!physical(t->count))
		fail(-ENOENT, "address");
	printf("%s %#" PRIx64 "\n", kind, physical(t->count));
	r = -pthread_create(&t->id, NULL, run, t);
	if (r < 0)
		fail(r, "thread");
	CPU_ZERO(&cpus);
	CPU_SET(t->cpu, &cpus);
	r = -pthread_setaffinity_np(t->id, sizeof(cpus), &cpus);
	if (r < 0)
		fail(r, "CPU %u", t->cpu);
}

static void report(const struct thread *t)
{
	uint64_t round;

	if (!draws || t - threads < MAX_CPUS) {
		printf("changed %u %" PRIu64 "\n", t->cpu, t->end);
		return;
	}
	round = t->end > draws + EARLIER ? t->end - draws - EARLIER : 0;
	for (; round < t->end; round++)
		printf("drew %u %" PRIu64 " %016" PRIx64 "\n", t->cpu, round,
		       t->drawn[round % (MAX_DRAWS + EARLIER)]);
}

int main(int argc, char **argv)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), i;

	draws = argc == 2 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;
	if (draws > MAX_DRAWS || cpus > MAX_CPUS) {
		fprintf(stderr, "usage: first DRAWS (at most %d)\n", MAX_DRAWS);
		return 2;
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail(-errno, "mlockall");
	for (i = 0; i < cpus; i++) {
		threads[i].cpu = threads[MAX_CPUS + i].cpu = i;
		start(&threads[i], "look", look);
		if (draws)
			start(&threads[MAX_CPUS + i], "draw", draw);
	}
	puts("ready");
	fflush(stdout);
	for (i = 0; i < 2 * MAX_CPUS; i++) {
		if (!threads[i].v)
			continue;
		pthread_join(threads[i].id, NULL);
		report(&threads[i]);
		vmgen_close(threads[i].v);
	}
	return fflush(stdout) != 0;
}
