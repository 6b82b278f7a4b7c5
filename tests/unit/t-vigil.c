/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What goes wrong between vmgend, its guardian and the guards: one of them hangs,
 * is stopped, is late, or dies again and again.
 */
#include "guarded.h"

static bool comes_often(const char *file, const char *text)
{
	const char *found;
	int i, n = 0;

	for (i = 0; i < 3000 && n < 3; i++) {
		for (n = 0, found = scratch_read(file); (found = strstr(found, text)); n++)
			found++;
		usleep(10000);
	}
	return n >= 3;
}

/* The device is looked at every second, which must not put off the rest. */
static void test_no_poll(void)
{
	const char *generation = next(""), *text = next("changed ");
	pid_t pid;

	device->no_poll = true;
	(void)unlink(scratch_path("log"));
	pid = begin();
	(void)kill(wait_for_guardian(pid, 0), SIGKILL);
	shared->no_fork = true;
	played_change();
	ok(comes_often("log", "10-guard: not run"), "a guard that cannot begin is tried again and again");
	shared->no_fork = false;
	expect_guard(text, "and runs in the end");
	ok(comes("run/generation", generation), "and the change is handled");
	end(pid);
	device->no_poll = false;
}

int main(void)
{
	guarded_create();
	test_no_poll();
	return tap_done();
}
