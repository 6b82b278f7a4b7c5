/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * nodes SECONDS SEED NODE...: processes of two threads each do with the nodes whatever a program can
 * do with a file, in any order and with any arguments, good and bad, and are killed in the middle of
 * it. What a call returns does not matter: the kernel, which has sanitizers, looks for mistakes.
 *
 * Half of the processes are root, and half are nobody. Prints "lives N" and "NAME N", the number of
 * calls of each kind and of those that succeeded, at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>
#include <vmgen/vmgenid.h>

#include "life.h"
#include "nodemaps.h"
#include "nodering.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { PROCESSES = 6, LONGEST_LIFE_MS = 2000, TIMER_NS = 100000000, NOBODY = 65534, MAX_KINDS = 32 };

static struct tally {
	unsigned long lives, calls[MAX_KINDS], good[MAX_KINDS];
} *tally;

static char **nodes;
static unsigned int n_nodes;

static long do_open(struct life *l)
{
	static const int flags[] = { O_NONBLOCK, O_APPEND, O_PATH, O_DIRECT, O_ASYNC, O_SYNC, O_TRUNC,
				     O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_NOATIME, O_CREAT };
	int f = (int)draw(l, 4);
	int fd;

	/* Mostly such as may block nobody. */
	if (draw(l, 4))
		f |= O_NONBLOCK;
	if (toss(l))
		f |= flags[draw(l, sizeof(flags) / sizeof(flags[0]))];
	fd = open(nodes[draw(l, n_nodes)], f, 0600);
	keep_fd(l, fd, true);
	return fd;
}

static long do_close(struct life *l)
{
	unsigned int at = draw(l, N_FDS);
	int r;

	if (at < N_NODES && draw(l, 4))
		return 0;
	r = close(l->fds[at]);

	l->fds[at] = -1;
	return r;
}

static long do_read(struct life *l)
{
	struct iovec v[2] = { { any_buffer(l), any_size(l) }, { any_buffer(l), any_size(l) } };
	int fd = any_fd(l);

	switch (draw(l, 4)) {
	case 0:
		return readv(fd, v, 2);
	case 1:
		return pread(fd, v[0].iov_base, v[0].iov_len, draw(l, 9000));
	case 2:
		return preadv2(fd, v, 1, -1, toss(l) ? RWF_NOWAIT : RWF_HIPRI);
	}
	return read(fd, v[0].iov_base, v[0].iov_len);
}

static long do_write(struct life *l)
{
	uint32_t value;
	int fd = any_fd(l);

	/* What a watcher of sysgenid confirms is what it has read. */
	if (toss(l) && read(fd, &value, sizeof(value)) == sizeof(value))
		return write(fd, &value, sizeof(value));
	if (toss(l))
		return write(fd, any_buffer(l), any_size(l));
	return toss(l) ? pwrite(fd, l->buffer, 4, draw(l, 9000)) : ftruncate(fd, draw(l, 9000));
}

static long do_ioctl(struct life *l)
{
	static const unsigned long requests[] = {
		VMGENID_INFO, VMGENID_WAIT, SYSGENID_WAIT_WATCHERS, SYSGENID_TRIGGER_GEN_UPDATE, SYSGENID_SET_WATCHER_TRACKING,
		FIONREAD, FIONBIO, FIOASYNC, FIOCLEX,
	};
	unsigned long request = requests[draw(l, sizeof(requests) / sizeof(requests[0]))];
	struct vmgenid_info *info = (void *)l->buffer;
	struct vmgenid_wait *wait = (void *)l->buffer;
	int fd = any_fd(l);

	if (!draw(l, 4))
		request = _IOC(draw(l, 4), _IOC_TYPE(request), _IOC_NR(request), draw(l, 1 << 14));
	if (!draw(l, 8))
		request = (unsigned long)l->dice;
	memset(l->buffer, 0, sizeof(*info));
	if (_IOC_NR(request) == _IOC_NR(VMGENID_INFO) && toss(l))
		info->size = _IOC_SIZE(request);
	else if (draw(l, 4))
		wait->timeout_ns = draw(l, 3000000);
	else
		wait->known = draw(l, 5);
	/* The requests of sysgenid have a number where the others have an address. */
	return ioctl(fd, request, draw(l, 3) ? (void *)l->buffer :
		     toss(l) ? any_buffer(l) : (void *)(uintptr_t)draw(l, 5));
}

static long do_poll(struct life *l)
{
	struct pollfd p[3] = { { .fd = any_fd(l), .events = (short)draw(l, 1 << 16) },
			       { .fd = any_fd(l), .events = POLLIN }, { .fd = any_fd(l), .events = POLLPRI } };
	struct timeval tv = { .tv_usec = draw(l, 3000) };
	fd_set set;

	if (toss(l))
		return poll(p, 1 + draw(l, 3), (int)draw(l, 3));
	FD_ZERO(&set);
	if (p[0].fd >= 0 && p[0].fd < FD_SETSIZE)
		FD_SET(p[0].fd, &set);
	return select(FD_SETSIZE, &set, NULL, toss(l) ? &set : NULL, &tv);
}

static long do_epoll(struct life *l)
{
	static const uint32_t flags[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP };
	struct epoll_event event = { .events = EPOLLIN | flags[draw(l, 5)] }, out[4];

	switch (draw(l, 4)) {
	case 0:
		keep_fd(l, epoll_create1(0), false);
		return 0;
	case 1:
		return epoll_wait(any_fd(l), out, 4, (int)draw(l, 3));
	}
	return epoll_ctl(any_fd(l), EPOLL_CTL_ADD + (int)draw(l, 3), any_fd(l), &event);
}

static long do_dup(struct life *l)
{
	int fd = any_fd(l);

	switch (draw(l, 7)) {
	case 0:
		return fcntl(fd, F_SETOWN, toss(l) ? getpid() : (pid_t)draw(l, 400));
	case 1:
		return fcntl(fd, F_SETSIG, toss(l) ? SIGUSR1 : 0);
	case 2:
		return fcntl(fd, F_SETFL, toss(l) ? O_NONBLOCK | O_ASYNC : O_NONBLOCK);
	case 3:
		return flock(fd, (toss(l) ? LOCK_EX : LOCK_UN) | LOCK_NB);
	case 4:
		return fcntl(fd, F_SETLEASE, toss(l) ? F_RDLCK : F_UNLCK);
	case 5:
		return lseek(fd, draw(l, 9000), (int)draw(l, 5));
	}
	fd = dup(fd);
	keep_fd(l, fd, true);
	return fd;
}

/* Passed on, and perhaps never taken: the kernel closes it with the socket. */
static long do_pass(struct life *l)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } u = { .head = {
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec v = { l->buffer, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u) };
	int pair[2], fd = any_fd(l);
	long r;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
	r = sendmsg(pair[0], &m, 0);
	if (r == 1 && toss(l) && recvmsg(pair[1], &m, 0) == 1 && m.msg_controllen) {
		memcpy(&fd, CMSG_DATA(&u.head), sizeof(fd));
		keep_fd(l, fd, true);
	}
	close(pair[0]);
	close(pair[1]);
	return r;
}

static long do_move(struct life *l)
{
	int pipes[2];
	long r;

	if (pipe2(pipes, O_NONBLOCK))
		return -1;
	r = toss(l) ? splice(any_fd(l), NULL, pipes[1], NULL, 4096, SPLICE_F_NONBLOCK) :
	    toss(l) ? sendfile(pipes[1], any_fd(l), NULL, 4096) :
		      splice(pipes[0], NULL, any_fd(l), NULL, 4096, SPLICE_F_NONBLOCK);
	close(pipes[0]);
	close(pipes[1]);
	return r;
}

static const struct { const char *name; long (*call)(struct life *l); } kinds[] = {
	{ "open", do_open }, { "open", do_open }, { "close", do_close }, { "read", do_read },
	{ "write", do_write }, { "ioctl", do_ioctl }, { "ioctl", do_ioctl }, { "poll", do_poll },
	{ "epoll", do_epoll }, { "dup", do_dup }, { "pass", do_pass }, { "splice", do_move },
	{ "mmap", do_map }, { "mremap", do_remap }, { "touch", do_touch },
	{ "ring", do_ring }, { "fork", NULL },
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };
_Static_assert((int)N_KINDS <= (int)MAX_KINDS, "the tally has a place for each");

static void one_call(struct life *l);

/* A child has the files and the mappings; it may outlive its parent a little. */
static long do_fork(struct life *l)
{
	pid_t pid;
	int i;

	/* It takes longer than all else. */
	if (draw(l, 8))
		return 0;
	pid = fork();
	if (pid)
		return pid;
	/* It has no timer, and ends in the middle of what takes longer. */
	signal(SIGALRM, SIG_DFL);
	alarm(1);
	l->child = true;
	for (i = 0; i < 20; i++)
		one_call(l);
	_exit(0);
}

static void one_call(struct life *l)
{
	unsigned int kind = draw(l, N_KINDS);
	long r;

	if (!kinds[kind].call && l->child)
		return;
	r = kinds[kind].call ? kinds[kind].call(l) : do_fork(l);
	__atomic_fetch_add(&tally->calls[kind], 1, __ATOMIC_RELAXED);
	if (r >= 0)
		__atomic_fetch_add(&tally->good[kind], 1, __ATOMIC_RELAXED);
}

static void begin(struct life *l, uint64_t seed)
{
	unsigned int i;

	/* 0 is what xorshift never leaves. */
	*l = (struct life){ .dice = seed | 1, .ring = -1 };
	for (i = 0; i < N_FDS; i++)
		l->fds[i] = -1;
	/* Nothing lies behind it. */
	l->buffer = mmap(NULL, BUFFER_SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l->buffer == MAP_FAILED || mprotect(l->buffer + BUFFER_SIZE, 4096, PROT_NONE))
		_exit(1);
	l->read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 20; i++)
		draw(l, 2);
}

static void interrupt(int number)
{
	(void)number;
}

/* What would wait for ever is interrupted, this thread alone. */
static void begin_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	const struct itimerspec often = { .it_value.tv_nsec = TIMER_NS, .it_interval.tv_nsec = TIMER_NS };
	timer_t timer;

	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &often, NULL))
		_exit(1);
}

static void *live(void *seed)
{
	static _Thread_local struct life l;

	begin(&l, (uint64_t)(uintptr_t)seed);
	begin_timer();
	for (;;)
		one_call(&l);
	return NULL;
}

static void be(uint64_t seed)
{
	const struct sigaction action = { .sa_handler = interrupt, .sa_flags = seed & 2 ? SA_RESTART : 0 };
	pthread_t thread;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* Some calls go on after a signal, and some do not. */
	sigaction(SIGALRM, &action, NULL);
	catch_faults();
	if (seed & 1 && (setgid(NOBODY) || setuid(NOBODY)))
		_exit(1);
	if (pthread_create(&thread, NULL, live, (void *)(uintptr_t)(seed * 3)))
		_exit(1);
	live((void *)(uintptr_t)(seed * 5));
}

static pid_t give_birth(uint64_t seed)
{
	pid_t pid = fork();

	if (!pid) {
		(void)setpgid(0, 0);
		be(seed);
	}
	tally->lives++;
	return pid;
}

static void print_tally(void)
{
	unsigned int i;

	printf("lives %lu", tally->lives);
	for (i = 0; i < N_KINDS; i++)
		printf(" %s %lu/%lu", kinds[i].name, tally->calls[i], tally->good[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	pid_t pids[PROCESSES] = { 0 };
	time_t end;
	uint64_t seed;
	int i;

	if (argc < 4)
		return 2;
	seed = strtoull(argv[2], NULL, 10) * 1000;
	nodes = argv + 3;
	n_nodes = (unsigned int)argc - 3;
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return 1;
	for (end = time(NULL) + atoi(argv[1]); time(NULL) < end;) {
		i = (int)(seed % PROCESSES);
		/* Whatever it is at: also its children, that it may wait for. */
		if (pids[i] > 0) {
			(void)kill(-pids[i], SIGKILL);
			(void)kill(pids[i], SIGKILL);
			(void)waitpid(pids[i], NULL, 0);
		}
		pids[i] = give_birth(++seed);
		usleep((useconds_t)(seed * 7919 % LONGEST_LIFE_MS * 1000 / PROCESSES));
	}
	for (i = 0; i < PROCESSES; i++)
		if (pids[i] > 0 && (!kill(-pids[i], SIGKILL) || !kill(pids[i], SIGKILL)))
			(void)waitpid(pids[i], NULL, 0);
	print_tally();
	return 0;
}
