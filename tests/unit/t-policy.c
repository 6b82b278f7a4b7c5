/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for, through whole runs: boots that all bring a new ID
 * are told, and what the machine looks like.
 */
#include "starts.h"

/* Its run is on record, but its end is not. */
static void die_in_run(char letter)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		fuse = 4;
		start(letter);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(status, "vmgend died in a run");
}

static void expect_boots(const char *name, uint64_t boots, bool skipped)
{
	struct state state = read_state();

	if (!ok(state.boots_changed == boots && state.last.skipped == skipped, "%s: %llu in a row, %s",
		name, (unsigned long long)boots, skipped ? "skipped" : "not skipped"))
		printf("# %llu %d\n", (unsigned long long)state.boots_changed, state.last.skipped);
	state_clear(&state);
}

static void expect_duration(const char *name, bool known)
{
	struct state state = read_state();
	uint64_t usec;

	ok(record_duration(&state.last, &usec) == known, "a run %s: how long it took is %s", name,
	   known ? "known" : "not known");
	state_clear(&state);
}

static void test_boots(void)
{
	int i;

	start('A');
	reboot();
	start('A');
	expect_boots("a boot with the same ID", 0, false);
	for (i = 1; i <= 5; i++) {
		reboot();
		start('a' + i);
		expect_boots("a new ID", i, false);
		ok(told_others, "others are told of it");
		start('a' + i);
		expect_boots("a new start in the same boot", i, false);
	}
	reboot();
	start('x');
	expect_boots("after five", 6, true);
	ok(!told_others, "others are not told");
	start('y');
	expect_boots("a change while it is up counts", 6, false);
	reboot();
	config.boot_change = BOOT_CHANGE_RUN;
	start('z');
	expect_boots("boot-change=run", 7, false);
	reboot();
	start('z');
	expect_boots("a boot without a new ID", 0, false);
	config.boot_change = BOOT_CHANGE_IGNORE;
	reboot();
	start('A');
	expect_boots("boot-change=ignore", 1, true);
	config.boot_change = BOOT_CHANGE_AUTO;
	reboot();
	die_in_run('B');
	start('B');
	expect_boots("a run that was cut off is of the same boot", 2, false);
	expect_duration("in one boot", true);
	reboot();
	die_in_run('C');
	reboot();
	start('C');
	expect_duration("begun in another boot", false);
	expect_boots("finished in a boot without a new ID", 0, false);
}

static void machine(const char *uuid, const char *mac)
{
	scratch_write("sys/class/dmi/id/product_uuid", uuid, 0400);
	scratch_write("sys/class/net/eth0/address", mac, 0444);
}

static void expect_hint(const char *name, const char *hint)
{
	struct state state = read_state();

	if (!ok(!strcmp(state.last.hint, hint), "%s: %s", name, hint))
		printf("# %s\n", state.last.hint);
	state_clear(&state);
}

static void test_hint(void)
{
	static const char a[] = "0a1b2c3d-0000-4000-8000-00000000000a\n";
	static const char b[] = "0a1b2c3d-0000-4000-8000-00000000000b\n";

	machine(a, "52:54:00:00:00:01\n");
	start('A');
	reboot();
	start('B');
	expect_hint("the same machine", "rollback");
	reboot();
	machine(b, "52:54:00:00:00:02\n");
	start('C');
	expect_hint("another machine", "clone");
	reboot();
	start('A');
	expect_hint("that one again", "rollback");
	start('B');
	expect_hint("a running system knows what it was at its boot", "unknown");
	reboot();
	machine(a, "52:54:00:00:00:02\n");
	start('C');
	expect_hint("another machine with the same address", "unknown");
}

/* A clone that was cut off comes back as it was, with an ID once more. */
static void test_replaced(void)
{
	static const char a[] = "0a1b2c3d-0000-4000-8000-00000000000a\n";
	static const char b[] = "0a1b2c3d-0000-4000-8000-00000000000b\n";

	machine(a, "52:54:00:00:00:01\n");
	start('A');
	reboot();
	machine(b, "52:54:00:00:00:02\n");
	die_in_run('B');
	reboot();
	start('C');
	expect_hint("the same machine, but the record is of an unfinished run", "unknown");
}

int main(void)
{
	starts_create();
	test_boots();
	test_hint();
	test_replaced();
	starts_clear();
	return tap_done();
}
