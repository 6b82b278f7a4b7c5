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
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

enum {
	SEED_SIZE = 64,
	/* Half of what it claims: nobody here can measure the hardware. */
	SEED_CREDIT_PER_BYTE = 4,
	HARDWARE_TIMEOUT_MS = 1000,
};

/*
 * A read of the hardware generator may sleep for as long as the host likes,
 * and cannot be polled. A child does it, which can be killed.
 */
static pid_t read_hardware_in_child(const char *path, int *ret_fd)
{
	uint8_t seed[SEED_SIZE];
	int fd, pipe_fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		n = fd < 0 ? -1 : read(fd, seed, sizeof(seed));
		_exit(n <= 0 || write(pipe_fds[1], seed, n) != n);
	}
	close(pipe_fds[1]);
	if (pid < 0) {
		close(pipe_fds[0]);
		return -1;
	}
	*ret_fd = pipe_fds[0];
	return pid;
}

static size_t read_hardware(const char *path, uint8_t seed[SEED_SIZE])
{
	struct pollfd wanted = { .events = POLLIN };
	ssize_t n = 0;
	pid_t pid;
	int fd;

	/* Most machines have none; that is no failure. */
	pid = access(path, R_OK) ? -1 : read_hardware_in_child(path, &fd);
	if (pid < 0)
		return 0;
	wanted.fd = fd;
	if (poll(&wanted, 1, HARDWARE_TIMEOUT_MS) == 1)
		n = read(fd, seed, SEED_SIZE);
	close(fd);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
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

int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	uint8_t seed[SEED_SIZE];
	size_t size;
	int fd, r = 0;

	*ret_hardware = 0;
	fd = open(device, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	size = read_hardware(hardware, seed);
	if (size)
		r = add_entropy(fd, seed, size, size * SEED_CREDIT_PER_BYTE);
	explicit_bzero(seed, sizeof(seed));
	if (!r)
		*ret_hardware = size;
	if (!r && id)
		r = add_entropy(fd, id, VMGEN_ID_SIZE, 0);
	if (!r && ioctl(fd, RNDRESEEDCRNG))
		r = -errno;
	close(fd);
	return r;
}
