/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tries every sentence of <vmgen/sysgenid.h> on watchers that are waited for:
 * who can hold up SYSGENID_WAIT_WATCHERS, and who no longer can. Runs as root in
 * a guest whose ID stays the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>

#include "tap.h"
#include "vm/guest/asleep.h"

enum { SHORT_MS = 20, SOON_US = 100000 };

static const volatile uint32_t *generation;

static long result(long r)
{
	return r < 0 ? -errno : r;
}

static int open_node(int flags)
{
	int fd = open("/dev/sysgenid", flags | O_NONBLOCK);

	if (fd < 0)
		ok(false, "open(%#x): %s", (unsigned int)flags, strerror(errno));
	return fd;
}

static long track(int fd, unsigned long on)
{
	return result(ioctl(fd, SYSGENID_SET_WATCHER_TRACKING, on));
}

static int open_tracked(void)
{
	int fd = open_node(O_RDWR);

	track(fd, 1);
	return fd;
}

static void trigger(void)
{
	int fd = open_node(O_RDONLY);

	if (ioctl(fd, SYSGENID_TRIGGER_GEN_UPDATE, 0))
		ok(false, "TRIGGER: %s", strerror(errno));
	close(fd);
}

static void confirm(int fd)
{
	uint32_t value = *generation;

	if (write(fd, &value, sizeof(value)) != sizeof(value))
		ok(false, "write: %s", strerror(errno));
}

/* Through a fresh file, which is not outdated itself. 0 waits for ever. */
static long wait_ms(unsigned long ms)
{
	int fd = open_node(O_RDONLY);
	long r = result(ioctl(fd, SYSGENID_WAIT_WATCHERS, ms));

	close(fd);
	return r;
}

static void test_tracking(void)
{
	int reader = open_node(O_RDONLY), fd = open_node(O_RDWR);

	equal(wait_ms(0), 0, "without a watcher, WAIT returns at once");
	trigger();
	equal(wait_ms(0), 0, "watchers are not tracked at first");
	equal(track(reader, 1), -EACCES, "a file that cannot confirm cannot be tracked: EACCES");
	equal(track(reader, 0), -EACCES, "nor not be");
	equal(wait_ms(0), 0, "so it holds up nobody");
	equal(track(fd, 1), 0, "one that can confirm can be tracked");
	equal(wait_ms(SHORT_MS), -ETIME, "and is waited for, being outdated: ETIME");
	confirm(fd);
	equal(wait_ms(0), 0, "until it confirms");
	trigger();
	equal(wait_ms(SHORT_MS), -ETIME, "another change, and it is waited for again");
	trigger();
	confirm(fd);
	equal(wait_ms(0), 0, "of two changes it confirms the last");
	equal(track(fd, 7), 0, "any number but 0 tracks it");
	trigger();
	confirm(fd);
	equal(wait_ms(0), 0, "a watcher counts once");
	trigger();
	track(fd, 0);
	equal(wait_ms(0), 0, "0 ends tracking");
	track(fd, 0);
	trigger();
	equal(wait_ms(0), 0, "0 again does nothing");
	close(fd);
	close(reader);
}

static void test_caller(void)
{
	int fd = open_node(O_RDONLY), tracked = open_tracked();

	trigger();
	equal(result(ioctl(fd, SYSGENID_WAIT_WATCHERS, 0)), -EINTR,
	      "a caller that is outdated itself: EINTR");
	equal(result(ioctl(tracked, SYSGENID_WAIT_WATCHERS, 0)), -EINTR, "also one that is tracked");
	confirm(tracked);
	equal(result(ioctl(tracked, SYSGENID_WAIT_WATCHERS, 0)), 0, "until it has confirmed");
	equal(wait_ms(~0UL), 0, "the longest time-out is no error");
	close(tracked);
	close(fd);
}

static void test_closed(void)
{
	int fd = open_tracked(), copy = dup(fd);

	trigger();
	close(fd);
	equal(wait_ms(SHORT_MS), -ETIME, "a watcher is one as long as a descriptor is open");
	close(copy);
	equal(wait_ms(0), 0, "a watcher that is closed is forgotten");
}

static void test_exited(void)
{
	int pipe_fd[2];
	char c;
	pid_t pid;

	if (pipe(pipe_fd))
		return;
	pid = fork();
	if (!pid) {
		open_tracked();
		if (write(pipe_fd[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(pipe_fd[0], &c, 1) != 1)
		return;
	trigger();
	equal(wait_ms(SHORT_MS), -ETIME, "a watcher in another process is waited for");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	equal(wait_ms(0), 0, "one that is killed is forgotten");
}

/* The thing is done by a child, which then has the last descriptor of the watcher. */
static void test_woken(void (*thing)(int fd), const char *name, long want)
{
	int fd = open_tracked();
	pid_t pid;

	trigger();
	pid = fork();
	if (!pid) {
		until_asleep(getppid());
		thing(fd);
		_exit(0);
	}
	close(fd);
	equal(wait_ms(0), want, name);
	waitpid(pid, NULL, 0);
}

static void untrack(int fd)
{
	track(fd, 0);
}

static void do_nothing(int fd)
{
	(void)fd;
}

static void move(int fd)
{
	(void)fd;
	trigger();
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_signal(void)
{
	/* Again and again, for the first may come before the wait begins. */
	const struct itimerval soon = {
		.it_value.tv_usec = SOON_US, .it_interval.tv_usec = SOON_US,
	}, never = { .it_value.tv_usec = 0 };
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct sigaction restart = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	int fd = open_tracked();

	trigger();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	equal(wait_ms(0), -EINTR, "WAIT is ended by a signal: EINTR");
	sigaction(SIGALRM, &restart, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	equal(wait_ms(60000), -EINTR, "with a time-out, which would begin anew, also by SA_RESTART");
	setitimer(ITIMER_REAL, &never, NULL);
	close(fd);
}

int main(void)
{
	int fd = open_node(O_RDWR);

	generation = mmap(NULL, sizeof(*generation), PROT_READ, MAP_SHARED, fd, 0);
	if (generation == MAP_FAILED)
		return 1;
	close(fd);
	test_tracking();
	test_caller();
	test_closed();
	test_exited();
	test_woken(confirm, "a process that shares the file confirms for all: WAIT ends", 0);
	test_woken(untrack, "the last watcher is no longer tracked: WAIT ends", 0);
	test_woken(do_nothing, "the last watcher exits: WAIT ends", 0);
	test_woken(move, "the generation moves, which outdates the caller: EINTR", -EINTR);
	test_signal();
	equal(wait_ms(0), 0, "nobody is left to be waited for");
	return tap_done();
}
