/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen_guard_run(): one run for each change, for any caller, and with
 * anything that happens meanwhile: failures, signals, the next change.
 */
#include <errno.h>
#include <signal.h>

#include "renewed.h"

enum {
	THREADS = 64,
	ROUNDS = 50,
};

static void test_alone(void)
{
	struct state s = { .runs = 0 };

	equal(run(&s), 1, "at first it is run");
	equal(run(&s), 0, "then nothing happened");
	change();
	equal(run(&s), 1, "after a change it is run");
	equal(run(&s), 0, "once");
	equal(s.runs, 2, "as often as it says");
	ok(s.generation == vmgen_generation(v), "with what is");
	change();
	ok(vmgen_changed(v), "a handle's own position");
	equal(run(&s), 1, "is not that of its guards");
}

static int fail_positively(void *arg)
{
	(void)arg;
	return 7;
}

static void test_failure(void)
{
	struct state s = { .failures = 2 };

	equal(run(&s), -EDOM, "what it fails with is returned");
	equal(run(&s), -EDOM, "it is run again");
	equal(run(&s), 1, "until it succeeds");
	equal(run(&s), 0, "and no more");
	change();
	equal(vmgen_guard_run(v, &s.guard, 0, fail_positively, NULL), -EIO,
	      "a positive failure: EIO");
	equal(run(&s), 1, "which was a failure");
}

static void test_no_handle(void)
{
	struct state s = { .runs = 0 };
	int i;

	for (i = 0; i < 3; i++)
		if (vmgen_guard_run(NULL, &s.guard, 0, renew, &s) != 1)
			break;
	equal(s.runs, 3, "without a handle each call runs it");
	equal(run(&s), 1, "with one, the first does");
	equal(vmgen_guard_run(NULL, &s.guard, 0, renew, &s), 1, "without, again");
	equal(run(&s), 1, "and with, for nobody knows what has happened");
}

static void test_changes_meanwhile(void)
{
	struct state s = { .changes = 1 };

	equal(run(&s), 1, "a change while it runs");
	equal(s.runs, 2, "has it run again");
	s = (struct state){ .changes = 1000 };
	equal(run(&s), -EAGAIN, "a change in every run: EAGAIN");
	ok(s.runs > 1, "after %d runs", s.runs);
	s.changes = 0;
	equal(run(&s), 1, "when they end it succeeds");
	equal(run(&s), 0, "for good");
}

static void test_wrap(void)
{
	struct state s = { .runs = 0 };

	page_set64(page, CLOCK_GENERATION, UINT64_MAX);
	equal(run(&s), 1, "the last of all generations: run at first");
	equal(run(&s), 0, "and once");
	page_set64(page, CLOCK_GENERATION, 0);
	equal(run(&s), 1, "the first one again: run");
	equal(run(&s), 0, "once");
}

static int recurse(void *arg)
{
	struct state *s = arg;

	s->runs++;
	s->inner = run(s);
	return 0;
}

static struct state *interrupted;

static void handler(int sig)
{
	static struct state other;

	(void)sig;
	errno = 4711;
	interrupted->inner = run(interrupted);
	other.inner = run(&other);
	if (other.inner != 1 || errno != 4711)
		interrupted->inner = 0;
}

static int be_interrupted(void *arg)
{
	(void)raise(SIGUSR1);
	return renew(arg);
}

static void test_same_thread(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct state s = { .runs = 0 };

	change();
	equal(vmgen_guard_run(v, &s.guard, 0, recurse, &s), 1, "who uses its own guard");
	equal(s.inner, -EBUSY, "is refused: EBUSY");
	equal(s.runs, 1, "and was run once");
	change();
	interrupted = &s;
	sigaction(SIGUSR1, &action, NULL);
	equal(vmgen_guard_run(v, &s.guard, 0, be_interrupted, &s), 1, "a run is interrupted");
	equal(s.inner, -EBUSY, "the signal handler is refused, but may run another guard");
}

struct waiter {
	struct state *s;
	int result;
	uint64_t seen;
};

static void *wait_for_run(void *arg)
{
	struct waiter *w = arg;

	w->result = run(w->s);
	w->seen = w->s->generation;
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

static void test_waiting(void)
{
	struct sigaction action = { .sa_handler = ignore };
	struct long_run l = { .result = 99 };
	struct waiter w = { .s = &l.s, .result = 99 };
	pthread_t runner, waiter;
	int i;

	sigaction(SIGUSR2, &action, NULL);
	change();
	runner = start_long(&l);
	equal(vmgen_guard_run(v, &l.s.guard, VMGEN_GUARD_NOWAIT, renew, &l.s), -EBUSY,
	      "who must not wait for another thread: EBUSY");
	waiter = start(wait_for_run, &w);
	for (i = 0; i < 5; i++) {
		usleep(10000);
		pthread_kill(waiter, SIGUSR2);
	}
	sem_post(&l.end);
	pthread_join(runner, NULL);
	pthread_join(waiter, NULL);
	equal(l.result, 1, "one thread runs");
	equal(w.result, 0, "another waited, signals or not");
	equal(l.s.runs, 1, "so that it was run once");
	ok(w.seen == vmgen_generation(v), "and finds it renewed");
	equal(vmgen_guard_run(v, &l.s.guard, VMGEN_GUARD_NOWAIT, renew, &l.s), 0,
	      "then there is nothing to wait for");
}

static struct {
	struct state s;
	pthread_barrier_t barrier;
	int results[3];
	int stale;
} many;

static void count(int result)
{
	__atomic_add_fetch(&many.results[result < 0 ? 2 : result], 1, __ATOMIC_RELAXED);
}

static void *be_one_of_many(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (pthread_barrier_wait(&many.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			change();
		pthread_barrier_wait(&many.barrier);
		count(run(&many.s));
		if (many.s.generation != vmgen_generation(v))
			__atomic_add_fetch(&many.stale, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void run_many(void *(*function)(void *arg))
{
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		threads[i] = start(function, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void test_many(void)
{
	pthread_barrier_init(&many.barrier, NULL, THREADS);
	run_many(be_one_of_many);
	equal(many.results[1], ROUNDS, "64 threads, 50 changes: one runs for each");
	equal(many.s.runs, ROUNDS, "exactly once");
	equal(many.results[0], (THREADS - 1) * ROUNDS, "the others are told that it is done");
	equal(many.stale, 0, "and find it renewed");
}

static void *fail_with_many(void *arg)
{
	count(run(&many.s));
	return arg;
}

static void test_many_failures(void)
{
	memset(many.results, 0, sizeof(many.results));
	many.s = (struct state){ .failures = 10 };
	run_many(fail_with_many);
	equal(many.results[2], 10, "64 threads, 10 failures: each is told to who ran it");
	equal(many.results[1], 1, "then one succeeds");
	equal(many.s.runs, 11, "which is all");
}

/* Changes come as they like; what a thread has renewed is never older than what it saw. */
static void *be_overtaken(void *arg)
{
	uint64_t before;
	int i, r;

	for (i = 0; i < ROUNDS; i++) {
		if (i % 8 == 0)
			change();
		before = vmgen_generation(v);
		r = run(&many.s);
		count(r);
		if (r >= 0 && __atomic_load_n(&many.s.guard.generation, __ATOMIC_ACQUIRE) < before)
			__atomic_add_fetch(&many.stale, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void test_many_changes(void)
{
	memset(many.results, 0, sizeof(many.results));
	many.s = (struct state){ .runs = 0 };
	run_many(be_overtaken);
	printf("# %d runs, %d calls had nothing to do, %d gave up\n", many.s.runs,
	       many.results[0], many.results[2]);
	equal(many.stale, 0, "64 threads under changes: nobody goes on with old state");
	ok(many.s.runs >= many.results[1] && many.results[1] > 0, "and it is run, one at a time");
}

int main(void)
{
	renewed_create();
	test_alone();
	test_failure();
	test_no_handle();
	test_changes_meanwhile();
	test_same_thread();
	test_waiting();
	test_many();
	test_many_failures();
	test_many_changes();
	test_wrap();
	v = vmgen_close(v);
	return tap_done();
}
