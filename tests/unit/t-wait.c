/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl wait: where device and vmgend disagree it waits, and where nobody will ever agree
 * it does not wait for ever.
 */
#include "asked.h"
#include "clock.h"

/* What happens between two looks; NULL: nothing. */
static void (*between)(void);

/* Instead of libc's: a second goes by, whatever was asked for. Nobody has to look so often. */
int nanosleep(const struct timespec *time, struct timespec *ret_left)
{
	static int looks;

	(void)time;
	(void)ret_left;
	if (++looks > 1000)
		_exit(99);
	++*clock_ahead_sec;
	if (between)
		between();
	return 0;
}

static void times_out(const char *words, const char *name)
{
	expect(words, CTL_TIMEOUT, "");
	ok(!*scratch_read("out"), "%s", name);
}

static void handle(void)
{
	scratch_write("generation", "5\n", 0644);
}

static void begin_again(void)
{
	write_status(LAST(""));
}

/* The generation that vmgend has handled is a file of its own, which it writes last. */
static void test_settled(void)
{
	handle();
	expect("wait --settled", CTL_OK, "5\n");
	scratch_write("generation", "4\n", 0644);
	times_out("wait --settled --timeout=3", "an earlier generation is not the present one");
	times_out("wait --settled --timeout=0", "and who has no time looks once");
	scratch_write("generation", "6\n", 0644);
	times_out("wait --settled --timeout=3", "nor is a later one, of before the module was loaded again");
	scratch_write("generation", "5", 0644);
	times_out("wait --settled --timeout=3", "nor is half a file");
	unlink(scratch_path("generation"));
	times_out("wait --settled --timeout=3", "nor is none");
	between = handle;
	expect("wait --settled", CTL_OK, "5\n");
	between = NULL;
	event.flags = VMGEN_NO_ID;
	expect("wait --settled", CTL_NO_ID, "the host provides no ID");
	event.flags = 0;
}

static void test_known(void)
{
	expect("wait 4", CTL_OK, "5\n");
	times_out("wait 5 --timeout=0", "the known generation is still there");
	times_out("wait --timeout=0", "without one it is that of now");
	scratch_write("generation", "4\n", 0644);
	times_out("wait 4 --settled --timeout=3", "a new generation that is not handled");
	handle();
	expect("wait 4 --settled", CTL_OK, "5\n");
}

static void test_not_running(void)
{
	int began = *clock_ahead_sec;

	unlink(scratch_path("status.json"));
	expect("wait --settled", CTL_NOT_RUNNING, "vmgend is not running: ");
	ok(*clock_ahead_sec - began >= 5 && *clock_ahead_sec - began <= 8,
	   "after the time in which it is started again: %d s", *clock_ahead_sec - began);
	between = begin_again;
	expect("wait --settled", CTL_OK, "5\n");
	between = NULL;
}

/* vmgend goes by something else than the module. */
static void test_without_device(void)
{
	open_result = -ENOENT;
	write_status(",\"source\":\"kmsg\"" LAST(""));
	expect("wait 4", CTL_OK, "5\n");
	expect("wait --settled", CTL_OK, "5\n");
	times_out("wait 5 --timeout=3", "the known generation is still there");
	times_out("wait --timeout=3", "without one it is that of now");
	write_status(",\"source\":\"kmsg\",\"handled\":false,\"recorded\":true");
	expect("wait 4", CTL_OK, "5\n");
	times_out("wait --settled --timeout=3", "a generation that is not handled");
	times_out("wait 4 --settled --timeout=3", "nor is a new one");
	open_result = 0;
	write_status(LAST(""));
}

/* It says what wait waits for. */
static void test_status(void)
{
	expect("status", CTL_OK, "handled:     yes\n");
	event.generation = 6;
	expect("status", CTL_NOT_HANDLED, "handled:     no\n");
	event.generation = 4;
	expect("status", CTL_NOT_HANDLED, "handled:     no\n");
	event.generation = 5;
}

int main(void)
{
	asked_create();
	clock_create();
	test_settled();
	test_known();
	test_not_running();
	test_without_device();
	test_status();
	return tap_done();
}
