/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Handles on pages that the test keeps, from generation to generation: who is
 * told, how often, after what, and what is left alone meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/compat.h"
#include "page.h"
#include "tap.h"

static struct vmgen *open_page(const char *name, unsigned int device)
{
	struct vmgen *v;

	if (page_open(name, device, &v))
		scratch_give_up(name);
	return v;
}

static void test_change(void)
{
	void *page = page_create_clock("clock", 41);
	struct vmgen *v = open_page("clock", VMGEN_VMCLOCK), *other;
	struct vmgen_event event = { .generation = 99 };
	uint64_t generation;

	equal((long long)vmgen_generation(v), 42, "the generation is the counter and 1");
	ok(!vmgen_changed(v) && !vmgen_changed_now(v), "nothing changed");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "there is nothing to read: EAGAIN");
	equal((long long)event.generation, 99, "and nothing was read");
	page_set64(page, CLOCK_MARKER, 5);
	page_set32(page, CLOCK_SEQ, 4);
	ok(!vmgen_changed(v), "a live migration is no change");
	page_set64(page, CLOCK_GENERATION, 42);
	other = open_page("clock", VMGEN_VMCLOCK);
	ok(vmgen_changed(v) && !vmgen_changed(v) && !vmgen_changed_now(v), "a change is told once");
	ok(!vmgen_changed(other), "it came before another handle");
	page_set64(page, CLOCK_GENERATION, 43);
	ok(vmgen_changed_now(v) && vmgen_changed(other), "each handle is told of the next");
	ok(!vmgen_changed_now(v) && !vmgen_changed(v), "once");
	equal(vmgen_read(v, &event, sizeof(event)), 0, "it can be read");
	equal((long long)event.generation, 44, "as it is now");
	equal(vmgen_read(v, &event, sizeof(event)), -EAGAIN, "once");
	equal(vmgen_event(v, &event, sizeof(event)), 0, "it is the latest event");
	ok(event.generation == 44 && !event.flags && !event.source, "of which no more is known");
	equal(vmgen_wait(v, 43, 0, &generation), 0, "who waits for it need not");
	vmgen_close(other);
	vmgen_close(v);
}

static void test_abilities(unsigned int device, uint32_t can)
{
	struct vmgen *v;
	struct {
		struct vmgen_info info;
		char newer[8];
	} big;
	uint8_t id[VMGEN_ID_SIZE] = "untouched";
	char bytes[8] = "abcdefg";

	page_create_clock("able", 0);
	memset(&big, 0xff, sizeof(big));
	v = open_page("able", device);
	equal(vmgen_info(v, &big.info, sizeof(big)), 0, "information");
	equal(big.info.device, device, "the kind of device");
	equal(big.info.flags, can, "and what it can do");
	ok(!memcmp(big.newer, "\0\0\0\0\0\0\0", 8), "what a newer program asks for is zero");
	equal((long long)big.info.generation, (long long)vmgen_generation(v), "the generation");
	ok(!big.info.hid[0] && !big.info.changes, "there is no more");
	equal(vmgen_fd(v), -EOPNOTSUPP, "no descriptor to wait for: EOPNOTSUPP");
	equal(vmgen_id(v, id), -EOPNOTSUPP, "no ID: EOPNOTSUPP");
	ok(!strcmp((char *)id, "untouched"), "nor anything else");
	equal(vmgen_getrandom(v, bytes, sizeof(bytes)), -EOPNOTSUPP,
	      "nobody vouches for random bytes: EOPNOTSUPP");
	ok(memcmp(bytes, "abcdefg", 8) && memcmp(bytes, "\0\0\0\0\0\0\0", 8), "but they are fresh");
	equal(vmgen_getrandom(v, NULL, 0), -EOPNOTSUPP, "not even no bytes");
	vmgen_close(v);
}

static void moves(void *page, size_t offset, size_t size, uint64_t value, struct vmgen *v,
		  const char *name)
{
	uint64_t before = vmgen_generation(v), after = 0;

	if (size == 4)
		page_set32(page, offset, (uint32_t)value);
	else
		page_set64(page, offset, value);
	ok(vmgen_changed(v) && !vmgen_changed(v), "%s: seen, once", name);
	ok(vmgen_generation(v) != before && vmgen_generation(v), "%s: another, not 0", name);
	ok(vmgen_wait(v, before, 0, &after) == 0 && after == vmgen_generation(v),
	   "%s: not waited for", name);
	equal(vmgen_wait(v, after, 0, &after), -ETIMEDOUT, "but the next one is");
}

static void test_wrap(void)
{
	void *page = page_create_clock("wrap", UINT64_MAX - 2);
	struct vmgen *v = open_page("wrap", VMGEN_VMCLOCK);

	moves(page, CLOCK_GENERATION, 8, UINT64_MAX - 1, v, "vmclock, two before the end");
	moves(page, CLOCK_GENERATION, 8, UINT64_MAX, v, "vmclock, at the end");
	moves(page, CLOCK_GENERATION, 8, 0, v, "vmclock, beyond");
	moves(page, CLOCK_GENERATION, 8, INT64_MAX, v, "vmclock, half way");
	moves(page, CLOCK_GENERATION, 8, (uint64_t)INT64_MAX + 1, v, "vmclock, past the half");
	vmgen_close(v);
	page = page_create("wrap");
	page_set32(page, 4, UINT32_MAX);
	v = open_page("wrap", VMGEN_SYSGENID);
	equal((long long)vmgen_generation(v), 1, "sysgenid starts at 0, hence at 1");
	moves(page, 0, 4, UINT32_MAX, v, "sysgenid, at the end");
	moves(page, 0, 4, 0, v, "sysgenid, beyond");
	page_set32(page, 4, 0);
	ok(!vmgen_changed(v), "what follows in its page means nothing");
	vmgen_close(v);
}

struct host {
	void *page;
	uint64_t generation;
};

static void *change_soon(void *arg)
{
	struct host *host = arg;

	usleep(150000);
	page_set64(host->page, CLOCK_GENERATION, host->generation);
	return NULL;
}

static void no_op(int sig)
{
	(void)sig;
}

static void test_wait(void)
{
	struct host host = { page_create_clock("wait", 1), 2 };
	struct vmgen *v = open_page("wait", VMGEN_VMCLOCK);
	struct itimerval soon = { .it_value.tv_usec = 150000, .it_interval.tv_usec = 150000 };
	struct sigaction action = { .sa_handler = no_op }, old;
	uint64_t generation = 99;
	pthread_t thread;

	equal(vmgen_wait(v, 2, 0, &generation), -ETIMEDOUT, "a time-out of 0: ETIMEDOUT");
	equal(vmgen_wait(v, 2, 1, &generation), -ETIMEDOUT, "of 1 ns: ETIMEDOUT");
	equal(vmgen_wait(v, 2, 250000000, &generation), -ETIMEDOUT, "of 250 ms: ETIMEDOUT");
	equal((long long)generation, 99, "the result is untouched");
	equal(vmgen_wait(v, 0, 0, &generation), 0, "0 differs from every generation");
	equal(vmgen_wait(v, 1, INT64_MIN, &generation), 0, "as does another");
	equal((long long)generation, 2, "it is told");
	if (pthread_create(&thread, NULL, change_soon, &host))
		scratch_give_up("thread");
	equal(vmgen_wait(v, 2, -1, &generation), 0, "waiting for ever ends with a change");
	equal((long long)generation, 3, "it is told");
	pthread_join(thread, NULL);
	host.generation = 3;
	if (pthread_create(&thread, NULL, change_soon, &host))
		scratch_give_up("thread");
	equal(vmgen_wait(v, 3, INT64_MAX, &generation), 0, "so does nearly for ever");
	pthread_join(thread, NULL);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	equal(vmgen_wait(v, 4, -1, &generation), -EINTR, "a signal ends it: EINTR");
	soon = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &soon, NULL);
	sigaction(SIGALRM, &old, NULL);
	vmgen_close(v);
}

/* What daemons do; and the number is another file's soon. */
static void test_closed(unsigned int device, size_t offset, const char *name)
{
	void *page = page_create_clock("closed", 1);
	struct vmgen *v;
	struct vmgen_event event;
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd;

	/* The handle is about to get this number. */
	close(first);
	v = open_page("closed", device);
	if (close_range(3, ~0U, 0))
		scratch_give_up("close_range");
	page_set32(page, offset, 7);
	ok(vmgen_changed(v) && !vmgen_changed(v), "%s, closed: the check goes on", name);
	page_set32(page, offset, 8);
	ok(vmgen_changed_now(v), "%s, closed: the exact one too", name);
	scratch_write("other", "other", 0600);
	fd = open(scratch_path("other"), O_RDWR | O_CLOEXEC);
	equal(fd, first, "its number is another file's now");
	page_set32(page, offset, 9);
	ok(vmgen_changed_now(v) && !vmgen_changed_now(v), "%s: that changes nothing", name);
	ok(vmgen_read(v, &event, sizeof(event)) == (device == VMGEN_VMCLOCK ? -EBADF : 0),
	   "%s: reading needs its own descriptor, if any", name);
	ok(!vmgen_close(v), "%s: it is closed", name);
	equal(lseek(fd, 0, SEEK_CUR), 0, "the other file was not read");
	ok(!strcmp(scratch_read("other"), "other"), "nor written");
	equal(close(fd), 0, "nor closed");
}

static void test_descriptor(void)
{
	struct vmgen *v;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	page_create_clock("descriptor", 1);
	v = open_page("descriptor", VMGEN_VMCLOCK);
	equal(fcntl(fd, F_GETFD), FD_CLOEXEC, "the descriptor is close-on-exec");
	vmgen_close(v);
	equal(fcntl(fd, F_GETFD), -1, "and closed with the handle");
}

/* In a child: how often each way tells of changes; as bits. */
static int child_sees(struct vmgen *v)
{
	int seen = vmgen_changed(v);

	seen |= vmgen_changed(v) << 1;
	return seen | vmgen_changed_now(v) << 2;
}

static void test_fork(void)
{
	void *page = page_create_clock("fork", 1);
	struct vmgen *v = open_page("fork", VMGEN_VMCLOCK);
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (child_sees(v))
			_exit(100);
		page_set64(page, CLOCK_GENERATION, 2);
		status = child_sees(v);
		vmgen_close(v);
		_exit(status);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		scratch_give_up("child");
	equal(WEXITSTATUS(status), 1, "a child is told of a change, once, of the fork never");
	ok(vmgen_changed(v) && !vmgen_changed(v), "its parent is told as well");
	vmgen_close(v);
}

static int succeed(void *arg)
{
	(void)arg;
	return 0;
}

/* What may be called in a signal handler leaves errno alone, also where it fails. */
static void test_errno(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	void *page = page_create_clock("errno", 1);
	struct vmgen *v = open_page("errno", VMGEN_VMCLOCK);
	uint64_t generation;
	char bytes[8];
	int round;

	errno = 4711;
	for (round = 0; round < 2; round++) {
		drop(vmgen_changed(v));
		drop(vmgen_changed_now(v));
		drop(vmgen_generation(v));
		drop(vmgen_fd(v));
		drop(vmgen_getrandom(v, bytes, sizeof(bytes)));
		drop(vmgen_guard_run(v, &guard, VMGEN_GUARD_NOWAIT, succeed, NULL));
		page_set64(page, CLOCK_GENERATION, 2);
	}
	page_set32(page, CLOCK_SEQ, 3);
	drop(vmgen_changed(v));
	drop(vmgen_changed_now(v));
	drop(vmgen_wait(v, 0, 0, &generation));
	equal(errno, 4711, "errno is left alone");
	vmgen_close(v);
}

int main(void)
{
	scratch_create();
	/* What was inherited would be in the way of the lowest numbers. */
	if (close_range(3, ~0U, 0))
		scratch_give_up("close_range");
	test_change();
	test_abilities(VMGEN_VMCLOCK, VMGEN_INFO_RAW | VMGEN_INFO_EXACT);
	test_abilities(VMGEN_SYSGENID, 0);
	test_wrap();
	test_wait();
	test_closed(VMGEN_VMCLOCK, CLOCK_GENERATION, "vmclock");
	test_closed(VMGEN_SYSGENID, 0, "sysgenid");
	test_descriptor();
	test_fork();
	test_errno();
	return tap_done();
}
