/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * prng [DEVICE]: threads that each have a random number generator, which
 * starts anew in every clone of the machine. Ten times a second each
 * thread prints its number, how often it was seeded, and what it drew.
 *
 * The generator is xoshiro256** by Blackman and Vigna: good for
 * simulations, not for secrets. One for secrets is guarded the same way.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <libvmgen.h>

#define THREADS	2

struct prng {
	struct vmgen_guard guard;
	unsigned int seeded;
	uint64_t s[4];
};

/* NULL where there is no device: then every number has its own seed. */
static struct vmgen *world;

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t step(struct prng *p)
{
	uint64_t result = rotate(p->s[1] * 5, 7) * 9;
	uint64_t t = p->s[1] << 17;

	p->s[2] ^= p->s[0];
	p->s[3] ^= p->s[1];
	p->s[1] ^= p->s[2];
	p->s[0] ^= p->s[3];
	p->s[2] ^= t;
	p->s[3] = rotate(p->s[3], 45);
	return result;
}

/*
 * The plain getrandom() will do: if the machine is cloned before this
 * returns, the library calls it again.
 */
static int seed(void *arg)
{
	struct prng *p = (struct prng *)arg;

	if (getrandom(p->s, sizeof(p->s), 0) != sizeof(p->s))
		return -EIO;
	p->seeded++;
	return 0;
}

static int prng_next(struct prng *p, uint64_t *ret_number)
{
	int r = vmgen_guard_run(world, &p->guard, 0, seed, p);

	if (r < 0)
		return r;
	*ret_number = step(p);
	/*
	 * A clone that was made between seed and step has just drawn what its
	 * siblings draw. So look again, as late as possible.
	 */
	r = vmgen_guard_run(world, &p->guard, 0, seed, p);
	if (r > 0)
		*ret_number = step(p);
	return r < 0 ? r : 0;
}

static void *run(void *arg)
{
	const struct timespec pause = { 0, 100 * 1000 * 1000 };
	/* A thread's own, so it needs a guard of its own, but no lock. */
	struct prng prng = { VMGEN_GUARD_INIT, 0, { 0 } };
	uint64_t number;
	int r;

	for (;;) {
		r = prng_next(&prng, &number);
		if (r < 0) {
			fprintf(stderr, "prng: %s\n", strerror(-r));
			return NULL;
		}
		printf("%d %u %016" PRIx64 "\n", *(int *)arg, prng.seeded, number);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];
	int number[THREADS];
	int i, r;

	r = vmgen_open(argc > 1 ? argv[1] : NULL, 0, &world);
	if (r < 0)
		fprintf(stderr, "prng: slow, no device: %s\n", strerror(-r));
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < THREADS; i++) {
		number[i] = i;
		r = pthread_create(&thread[i], NULL, run, &number[i]);
		if (r) {
			fprintf(stderr, "prng: %s\n", strerror(r));
			return 1;
		}
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	vmgen_close(world);
	return 1;
}
