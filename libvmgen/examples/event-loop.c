/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * event-loop [DEVICE]: answers each line of its input with a number and
 * the key of its session. In a clone of the machine the session ends,
 * and another begins, at once, not only when somebody asks.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <libvmgen.h>

static struct vmgen *world;
static struct vmgen_guard guard = VMGEN_GUARD_INIT;
static uint64_t key;
static unsigned int answers;

/* Begins a session; of a real server: drops its clients' too. */
static int begin(void *arg)
{
	uint64_t fresh;

	(void)arg;
	if (getrandom(&fresh, sizeof(fresh), 0) != sizeof(fresh))
		return -EIO;
	key = fresh;
	answers = 0;
	return 0;
}

static int check(void)
{
	int r = vmgen_guard_run(world, &guard, 0, begin, NULL);

	if (r > 0)
		printf("session %016" PRIx64 "\n", key);
	return r < 0 ? r : 0;
}

static int answer(void)
{
	char line[256];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));
	int r;

	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	/*
	 * Events come in any order: a request may be ready before the event
	 * that says the machine was cloned. So each answer checks as well.
	 */
	r = check();
	if (r == 0)
		printf("%u %016" PRIx64 "\n", ++answers, key);
	return r;
}

static int loop(void)
{
	struct vmgen_event event;
	struct pollfd fds[2];
	int r;

	/* Where there are no events, poll(2) passes over a negative one. */
	fds[0].fd = vmgen_fd(world);
	fds[0].events = POLLIN;
	fds[1].fd = STDIN_FILENO;
	fds[1].events = POLLIN;
	do {
		/* And the check is made once a second instead. */
		r = poll(fds, 2, fds[0].fd < 0 ? 1000 : -1);
		if (r < 0)
			return -errno;
		/* Only a read makes the descriptor quiet again. */
		r = fds[0].revents ? vmgen_read(world, &event, sizeof(event)) : 0;
		if (r < 0 && r != -EAGAIN)
			return r;
		r = check();
		if (r == 0 && fds[1].revents)
			r = answer();
	} while (r == 0);
	return r;
}

int main(int argc, char **argv)
{
	int r = vmgen_open(argc > 1 ? argv[1] : NULL, 0, &world);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (r == 0)
		r = check();
	if (r == 0)
		r = loop();
	vmgen_close(world);
	if (r == -EPIPE)
		return 0;
	fprintf(stderr, "event-loop: %s\n", strerror(-r));
	return 1;
}
