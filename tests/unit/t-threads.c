/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One handle in the hands of 64 threads while the machine is cloned again and
 * again: each change is told once, to one of them, and none is lost.
 */
#include <sched.h>

#include "kernel.h"
#include "tap.h"

enum {
	THREADS = 64,
	CHANGES = 100,
};

static struct vmgen *v;
static _Atomic unsigned int told, failed;
static _Atomic bool done;

/* As on a machine: while no virtual CPU runs, so nobody settles half of it. */
static void change(void)
{
	pthread_mutex_lock(&kernel.lock);
	kernel_change();
	pthread_mutex_unlock(&kernel.lock);
}

static void *look(void *arg)
{
	bool exactly = *(int *)arg % 4 == 0;

	while (!atomic_load(&done)) {
		if (exactly ? vmgen_changed_now(v) : vmgen_changed(v))
			atomic_fetch_add(&told, 1);
		sched_yield();
	}
	return NULL;
}

static void *use(void *arg)
{
	struct vmgen_event event;
	struct vmgen_info info;
	uint64_t generation = 0, last = 0;
	char bytes[16];
	int r = 0;

	while (!atomic_load(&done) && !r) {
		r = vmgen_getrandom(v, bytes, sizeof(bytes));
		if (r == -EAGAIN)
			r = 0;
		if (!r)
			r = vmgen_wait(v, 0, 0, &generation);
		if (!r)
			r = vmgen_info(v, &info, sizeof(info));
		if (!r && vmgen_read(v, &event, sizeof(event)) == 0 && event.generation < last)
			r = -EPROTO;
		if (generation < last)
			r = -EPROTO;
		last = generation;
		sched_yield();
	}
	if (r)
		atomic_fetch_add(&failed, 1);
	return arg;
}

static void change_and_wait(void)
{
	unsigned int i, spins;

	for (i = 1; i <= CHANGES; i++) {
		change();
		/* A minute, in case it is lost. */
		for (spins = 0; atomic_load(&told) < i && spins < 600000; spins++)
			usleep(100);
	}
	/* A thread that tells twice has the time to do so: nothing tells that nobody will. */
	usleep(20000);
	equal(atomic_load(&told), CHANGES, "each change is told to one of 64 threads");
}

static void change_at_will(void)
{
	unsigned int i;

	for (i = 0; i < CHANGES; i++) {
		change();
		usleep(i % 50);
	}
}

int main(void)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];
	unsigned int before;
	int i;

	scratch_create();
	kernel_has_vmgenid();
	if (vmgen_open(kernel.node.path, VMGEN_VMGENID, &v))
		scratch_give_up(kernel.node.path);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, i % 8 == 7 ? use : look, &numbers[i]))
			scratch_give_up("thread");
	}
	change_and_wait();
	before = atomic_load(&told);
	change_at_will();
	atomic_store(&done, true);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_fetch_add(&told, vmgen_changed(v));
	printf("# of %d changes at will %u were told apart\n", CHANGES, told - before);
	ok(told > before && told - before <= CHANGES, "no change is told twice");
	ok(!vmgen_changed(v) && !vmgen_changed_now(v), "nor left over");
	equal((long long)vmgen_generation(v), (long long)kernel.record.generation,
	      "the last generation is known");
	equal(failed, 0, "nothing else failed meanwhile");
	vmgen_close(v);
	kernel_has_none();
	return tap_done();
}
