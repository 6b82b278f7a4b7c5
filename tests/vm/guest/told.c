/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * told SECONDS: threads wait in every way, each for an open file of its own, and all of
 * them are told of a change, those that wait exclusively too; nobody is woken for less.
 *
 * Moves /dev/sysgenid by itself once all wait, and prints "ready" when those who wait
 * for that were told; then the host changes the ID. TAP after that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>
#include <vmgen/vmgenid.h>

#include "broken.h"
#include "tap.h"

enum { EACH = 8, PAUSE_US = 1000 };

struct node {
	const char *path;
	size_t size;	/* of what read returns */
};

static const struct node vmgenid = { "/dev/vmgenid", sizeof(uint64_t) };
static const struct node sysgenid = { "/dev/sysgenid", sizeof(uint32_t) };

static void by_read(int fd, const struct node *node)
{
	uint64_t value;

	if (fcntl(fd, F_SETFL, 0) || read(fd, &value, node->size) != (ssize_t)node->size)
		broken("read of %s: %s", node->path, strerror(errno));
}

static void by_poll(int fd, const struct node *node)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, -1) != 1)
		broken("poll of %s: %s", node->path, strerror(errno));
}

static void wait_by_epoll(int fd, const struct node *node, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(0);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ||
	    epoll_wait(epoll, &event, 1, -1) != 1)
		broken("epoll of %s: %s", node->path, strerror(errno));
	/* Left open: a waiter that is exclusive stays where the others wait. */
}

static void by_epoll(int fd, const struct node *node)
{
	wait_by_epoll(fd, node, EPOLLIN);
}

static void by_exclusive_epoll(int fd, const struct node *node)
{
	wait_by_epoll(fd, node, EPOLLIN | EPOLLEXCLUSIVE);
}

/* The first result of a request to poll. */
static int ask_ring(int fd, uint32_t events, uint32_t flags)
{
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	struct io_uring_sqe *sqe;
	uint8_t *shared;

	if (ring < 0 || !(p.features & IORING_FEAT_SINGLE_MMAP))
		broken("io_uring: %s", strerror(errno));
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (shared == MAP_FAILED || sqe == MAP_FAILED)
		broken("io_uring: mmap: %s", strerror(errno));
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_POLL_ADD, .fd = fd,
				      .poll32_events = events, .len = flags };
	__atomic_store_n((uint32_t *)(shared + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		broken("io_uring: enter: %s", strerror(errno));
	return ((struct io_uring_cqe *)(shared + p.cq_off.cqes))->res;
}

static void wait_by_ring(int fd, const struct node *node, uint32_t events, uint32_t flags)
{
	int res = ask_ring(fd, events, flags);

	if (!(res & POLLIN) || res < 0)
		broken("io_uring: poll of %s: %d", node->path, res);
}

static void by_ring(int fd, const struct node *node)
{
	wait_by_ring(fd, node, POLLIN, 0);
}

static void by_exclusive_ring(int fd, const struct node *node)
{
	wait_by_ring(fd, node, POLLIN | EPOLLEXCLUSIVE, 0);
}

/* Before Linux 5.13 there is none. */
static void by_ring_multishot(int fd, const struct node *node)
{
	int res = ask_ring(fd, POLLIN, IORING_POLL_ADD_MULTI);

	if (res == -EINVAL)
		by_ring(fd, node);
	else if (!(res & POLLIN) || res < 0)
		broken("io_uring: multishot poll of %s: %d", node->path, res);
}

static void by_wait(int fd, const struct node *node)
{
	struct vmgenid_wait wait = { .timeout_ns = -1 };

	if (ioctl(fd, VMGENID_WAIT, &wait))
		broken("%s: WAIT: %s", node->path, strerror(errno));
	wait.known = wait.record.generation;
	if (ioctl(fd, VMGENID_WAIT, &wait))
		broken("%s: WAIT: %s", node->path, strerror(errno));
}

struct way {
	const char *name;
	const struct node *node;
	void (*wait)(int fd, const struct node *node);
};

static const struct way ways[] = {
	{ "read", &sysgenid, by_read },
	{ "poll", &sysgenid, by_poll },
	{ "epoll", &sysgenid, by_epoll },
	{ "exclusive epoll", &sysgenid, by_exclusive_epoll },
	{ "io_uring", &sysgenid, by_ring },
	{ "exclusive io_uring", &sysgenid, by_exclusive_ring },
	{ "io_uring, multishot", &sysgenid, by_ring_multishot },
	{ "read", &vmgenid, by_read },
	{ "poll", &vmgenid, by_poll },
	{ "epoll", &vmgenid, by_epoll },
	{ "exclusive epoll", &vmgenid, by_exclusive_epoll },
	{ "io_uring", &vmgenid, by_ring },
	{ "exclusive io_uring", &vmgenid, by_exclusive_ring },
	{ "io_uring, multishot", &vmgenid, by_ring_multishot },
	{ "WAIT", &vmgenid, by_wait },
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static atomic_uint told[WAYS], for_nothing[WAYS];

static void wait_for_change(unsigned int number)
{
	const struct way *way = &ways[number];
	int fd = open(way->node->path, O_RDONLY | O_NONBLOCK);
	uint64_t value;

	if (fd < 0)
		broken("%s: %s", way->node->path, strerror(errno));
	/* The first read of the one returns at once, and the other has nothing yet. */
	if (read(fd, &value, way->node->size) < 0 && errno != EAGAIN)
		broken("%s: %s", way->node->path, strerror(errno));
	way->wait(fd, way->node);
	if (way->wait != by_read && read(fd, &value, way->node->size) < 0)
		atomic_fetch_add(&for_nothing[number], 1);
	atomic_fetch_add(&told[number], 1);
}

static char state_of(unsigned int thread)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%u/stat", thread);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		broken("%s: %s", path, strerror(errno));
	fclose(f);
	return state;
}

static atomic_uint threads[WAYS * EACH];

static void *begin(void *arg)
{
	static atomic_uint count;
	unsigned int number = atomic_fetch_add(&count, 1);

	(void)arg;
	atomic_store(&threads[number], (unsigned int)gettid());
	wait_for_change(number % WAYS);
	return NULL;
}

static void start(void)
{
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < WAYS * EACH; i++)
		if (pthread_create(&thread, NULL, begin, NULL))
			broken("no thread %u", i);
	for (i = 0; i < WAYS * EACH; i++)
		while (!atomic_load(&threads[i]) || state_of(threads[i]) != 'S')
			usleep(PAUSE_US);
}

/* Or until the time is over. */
static void wait_for_all(const struct node *node, long seconds)
{
	struct timespec now;
	time_t end = 0;
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		while (ways[i].node == node && atomic_load(&told[i]) < EACH) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			end = end ? end : now.tv_sec + seconds;
			if (now.tv_sec > end)
				return;
			usleep(PAUSE_US);
		}
	}
}

static void check_signals(const struct node *node)
{
	int fd = open(node->path, O_RDONLY);

	ok(fcntl(fd, F_SETFL, O_ASYNC) == -1 && errno == EINVAL, "%s: O_ASYNC is refused",
	   node->path);
	ok(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "%s: O_NONBLOCK is not", node->path);
	close(fd);
}

int main(int argc, char **argv)
{
	const long seconds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	int fd = open(sysgenid.path, O_RDONLY);
	unsigned int i;

	if (seconds < 1 || fd < 0)
		return 2;
	start();
	if (ioctl(fd, SYSGENID_TRIGGER_GEN_UPDATE, 0))
		broken("TRIGGER: %s", strerror(errno));
	wait_for_all(&sysgenid, seconds);
	puts("ready");
	fflush(stdout);
	wait_for_all(&vmgenid, seconds);
	for (i = 0; i < WAYS; i++) {
		ok(told[i] == EACH, "%s, %s: %u of %d were told", ways[i].node->path,
		   ways[i].name, told[i], EACH);
		ok(!for_nothing[i], "%s, %s: none for nothing", ways[i].node->path,
		   ways[i].name);
	}
	check_signals(&vmgenid);
	check_signals(&sysgenid);
	i = (unsigned int)tap_done();
	fflush(stdout);
	/* Not exit(): threads may still wait. */
	_exit((int)i);
}
