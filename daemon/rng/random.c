/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The kernel's random number generator after a change. RNDADDENTROPY alone
 * does not reseed it, and RNDRESEEDCRNG alone adds nothing new.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "process/child.h"
#include "random.h"

enum {
	SEED_SIZE = 64,
	/* Half of what it claims: nobody here can measure the hardware. */
	SEED_CREDIT_PER_BYTE = 4,
	HARDWARE_TIMEOUT_MS = 1000,
	/* With so much in its pool every kernel reseeds; one before 5.18 may not with less. */
	POOL_BITS = 256,
};

static void __attribute__((noreturn)) pass_hardware_on(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t seed[SEED_SIZE];
	ssize_t n = fd < 0 ? -1 : read(fd, seed, sizeof(seed));

	_exit(n <= 0 || write(CHILD_KEPT_FD, seed, n) != n);
}

/*
 * A read of the hardware generator may sleep for as long as the host likes,
 * and cannot be polled. A child does it, which can be killed.
 */
static size_t read_hardware(const char *path, uint8_t seed[SEED_SIZE])
{
	int fds[2], status;
	ssize_t n = 0;
	pid_t pid;

	/* Most machines have none; that is no failure. */
	if (!path || access(path, R_OK) || pipe2(fds, O_CLOEXEC))
		return 0;
	pid = child_fork(fds[1]);
	if (!pid)
		pass_hardware_on(path);
	close(fds[1]);
	if (pid > 0) {
		if (!deadline_wait(fds[0], deadline_in(HARDWARE_TIMEOUT_MS)))
			n = read(fds[0], seed, SEED_SIZE);
		/* One that hangs in a driver is left alone; it holds nothing of ours. */
		(void)child_end(pid, 0, &status);
	}
	close(fds[0]);
	return n > 0 ? n : 0;
}

static int add_entropy(int fd, const void *data, size_t size, int credit_bits)
{
	union {
		struct rand_pool_info info;
		uint8_t space[sizeof(struct rand_pool_info) + SEED_SIZE];
	} pool = { .info = { .entropy_count = credit_bits, .buf_size = size } };
	int r;

	memcpy(pool.info.buf, data, size);
	r = ioctl(fd, RNDADDENTROPY, &pool.info) ? -errno : 0;
	explicit_bzero(&pool, sizeof(pool));
	return r;
}

/* Siblings that were resumed from one snapshot read different clocks. */
static int add_clocks(int fd)
{
	struct {
		struct timespec real, raw;
		uint64_t cycles;
	} clocks = { .cycles = 0 };

	clock_gettime(CLOCK_REALTIME, &clocks.real);
	clock_gettime(CLOCK_MONOTONIC_RAW, &clocks.raw);
#if defined(__x86_64__)
	clocks.cycles = __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(clocks.cycles));
#endif
	return add_entropy(fd, &clocks, sizeof(clocks), 0);
}

/*
 * Kernels before 5.18 say yes and do nothing if their pool holds too little;
 * if they do something, the pool holds less afterwards. In later ones it is
 * full for good once it was.
 */
static int force(int fd)
{
	int before, after;

	if (ioctl(fd, RNDGETENTCNT, &before) || ioctl(fd, RNDRESEEDCRNG) ||
	    ioctl(fd, RNDGETENTCNT, &after))
		return -errno;
	return before < POOL_BITS && after >= before ? -EAGAIN : 0;
}

int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	uint8_t seed[SEED_SIZE];
	size_t size;
	int fd, r;

	*ret_hardware = 0;
	fd = open(device, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = add_clocks(fd);
	size = read_hardware(hardware, seed);
	if (!r && size)
		r = add_entropy(fd, seed, size, size * SEED_CREDIT_PER_BYTE);
	explicit_bzero(seed, sizeof(seed));
	if (!r)
		*ret_hardware = size;
	if (!r && id)
		r = add_entropy(fd, id, VMGEN_ID_SIZE, 0);
	if (!r)
		r = force(fd);
	close(fd);
	return r;
}
