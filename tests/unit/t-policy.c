/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for, through whole runs: boots that bring a new ID, marks of
 * clean shutdowns, and what the machine looks like.
 */
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "starts.h"

#define MARK "0123456789abcdef0123456789abcdef"

/* The directory of EFI variables is one. */
static bool has_efi;
/* It becomes one when the file "guarded" is there, and it has. */
static bool efi_waits, efi_came;
/* A hook was started before a store was asked. */
static bool hook_came_first;

/* Instead of libc's. */
int fstatfs(int fd, struct statfs *st)
{
	bool there = has_efi && (!efi_waits || !access(scratch_path("guarded"), F_OK));
	siginfo_t child;

	(void)fd;
	efi_came |= there && efi_waits;
	hook_came_first |= !waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT);
	*st = (struct statfs){ .f_type = there ? EFIVARFS_MAGIC : SYSFS_MAGIC };
	return 0;
}

static void die(char letter)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		start(letter);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	fuse = 0;
	ok(status, "vmgend died in a run");
}

/* Its run is on record, but its end is not. */
static void die_in_run(char letter)
{
	fuse = 4;
	die(letter);
}

static void expect_run(const char *name, const char *shutdown, const char *counter, bool skipped)
{
	struct state state = read_state();
	const struct record *last = &state.last;

	if (!ok(!strcmp(last->shutdown, shutdown) && !strcmp(last->counter, counter) &&
		last->skipped == skipped && told_others == !skipped, "%s: %s, \"%s\", %s",
		name, shutdown, counter, skipped ? "skipped" : "not skipped"))
		printf("# %s \"%s\" %d %d\n", last->shutdown, last->counter, last->skipped, told_others);
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

static void machine(const char *uuid, const char *mac)
{
	scratch_write("sys/class/dmi/id/product_uuid", uuid, 0400);
	scratch_write("sys/class/net/eth0/address", mac, 0444);
}

static struct mark_place place(void)
{
	return (struct mark_place){ .sysfs = config.sysfs, .runtime_dir = config.runtime_dir };
}

/* What a shutdown, or another machine, has left there. NULL: nothing. */
static void leave(const char *inside, const char *outside)
{
	const struct mark_place at = place();
	struct state state = read_state();
	int fd;

	strcpy(state.shutdown, inside ?: "");
	strcpy(state.shutdown_store, inside && outside ? "efi" : "");
	if (state_open(config.state_dir, &fd) || state_save(fd, &state) ||
	    (outside && markstore_named("efi")->put(&at, outside)))
		scratch_give_up("marks");
	close(fd);
	state_clear(&state);
	reboot();
}

/* What is left of them; NULL: there never was any. */
static void expect_marks(const char *name, const char *inside, const char *outside)
{
	const struct mark_place at = place();
	struct state state = read_state();
	char mark[MARK_SIZE] = "";
	int r = markstore_named("efi")->get(&at, mark);

	if (!ok(!strcmp(state.shutdown, inside) && !strcmp(mark, outside) && (!r || !*outside), "%s: \"%s\" and \"%s\"",
		name, inside, outside))
		printf("# \"%s\" %d \"%s\"\n", state.shutdown, r, mark);
	state_clear(&state);
}

static void test_boots(void)
{
	int i;

	start('A');
	reboot();
	start('A');
	for (i = 1; i <= 7; i++) {
		reboot();
		start('a' + i);
		expect_run("a new ID, as often as it comes", "unclean", "", false);
	}
	leave(MARK, NULL);
	start('y');
	expect_run("after a clean shutdown", "clean", "", false);
	expect_marks("it is used once", "", "");
	leave(MARK, NULL);
	start('y');
	expect_marks("also without a new ID", "", "");
	start('z');
	expect_run("a change while it is up", "", "", false);
	config.boot_change = BOOT_CHANGE_IGNORE;
	reboot();
	start('A');
	expect_run("boot-change=ignore", "unclean", "", true);
	config.boot_change = BOOT_CHANGE_RUN;
	reboot();
	die_in_run('B');
	start('B');
	expect_duration("in one boot", true);
	reboot();
	die_in_run('C');
	reboot();
	start('C');
	expect_duration("begun in another boot", false);
	expect_run("finished in a boot without a new ID", "unclean", "", false);
}

/* Of a service manager. */
static int listen_to_notices(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path("notify"));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setenv("NOTIFY_SOCKET", address.sun_path, 1))
		scratch_give_up("socket");
	return fd;
}

/* A TPM may hang, and so may its driver: a manager that gives up would begin that again. */
static void test_patience(void)
{
	char text[256];
	bool asked = false;
	int fd = listen_to_notices();
	ssize_t n;

	leave(MARK, MARK);
	start('P');
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		asked |= !strcmp(text, "EXTEND_TIMEOUT_USEC=120000000");
	}
	ok(asked, "the start may take what the store may take");
	(void)unsetenv("NOTIFY_SOCKET");
	close(fd);
}

/* This vmgend has no guardian, and runs the guard itself: a driver that comes late is after it. */
static void test_guards_first(void)
{
	char text[PATH_MAX + 32];

	snprintf(text, sizeof(text), "#!/bin/sh\n: >%s\n", scratch_path("guarded"));
	scratch_mkdir("hooks", 0755);
	scratch_write("hooks/10-guard", text, 0755);
	leave(MARK, MARK);
	efi_waits = true;
	start('Q');
	ok(efi_came, "no guard waits for a store");
	expect_run("which is asked nevertheless", "clean", "same", true);
	expect_marks("and cleared", "", MARK_CLEARED);
	efi_waits = false;
	unlink(scratch_path("hooks/10-guard"));
}

/* What it records is in a record that is written again when the store has answered. */
static void test_store_before_hooks(void)
{
	scratch_write("hooks/20-repair", "#!/bin/sh\n", 0755);
	hook_came_first = false;
	start('R');
	start('S');
	ok(!hook_came_first, "no hook from 20 on comes before the store");
	unlink(scratch_path("hooks/20-repair"));
}

static void test_counter(void)
{
	static const char other[] = "fedcba9876543210fedcba9876543210";
	static const char same_machine[] = "0a1b2c3d-0000-4000-8000-00000000000a\n";

	config.boot_change = BOOT_CHANGE_COUNTER;
	machine(same_machine, "52:54:00:00:00:01\n");
	start('D');
	leave(MARK, NULL);
	start('E');
	expect_run("nothing outside the disk", "clean", "none", false);
	has_efi = true;
	leave(MARK, NULL);
	start('F');
	expect_run("nothing was left there", "clean", "none", false);
	leave(MARK, MARK);
	start('G');
	expect_run("the same mark in both", "clean", "same", true);
	expect_marks("both are cleared", "", MARK_CLEARED);
	leave(NULL, NULL);
	start('H');
	expect_run("a crash", "unclean", "none", false);
	leave(NULL, MARK);
	start('I');
	expect_run("a disk of when the system ran", "unclean", "other", false);
	expect_marks("what is outside is cleared", "", MARK_CLEARED);
	leave(MARK, NULL);
	start('J');
	expect_run("a disk of an earlier shutdown", "clean", "other", false);
	leave(MARK, other);
	start('K');
	expect_run("a disk of another shutdown", "clean", "other", false);
	leave(MARK, MARK);
	machine(same_machine, "52:54:00:00:00:02\n");
	start('L');
	expect_run("another address", "clean", "same", false);
	leave(MARK, MARK);
	scratch_write("etc/intent", "restore\n", 0644);
	start('M');
	expect_run("the administrator has said what it is", "clean", "same", false);
	leave(MARK, MARK);
	start('M');
	expect_marks("a boot without a new ID", "", MARK_CLEARED);
	leave(MARK, MARK);
	/* After three of the record with which the guards begin. */
	fuse = 4;
	die('N');
	expect_marks("it goes outside the disk first", MARK, MARK_CLEARED);
	start('N');
	expect_run("after a power cut between the two it is acted on", "", "", false);
	leave(MARK, MARK);
	config.boot_change = BOOT_CHANGE_RUN;
	start('O');
	expect_run("the administrator has changed his mind", "clean", "", false);
	expect_marks("what was left is cleared all the same", "", MARK_CLEARED);
	test_patience();
	config.boot_change = BOOT_CHANGE_COUNTER;
	test_guards_first();
	test_store_before_hooks();
	has_efi = false;
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
	for (const char *const *p = (const char *const[]) { "sys/firmware", "sys/firmware/efi",
	     "sys/firmware/efi/efivars", NULL }; *p; p++)
		scratch_mkdir(*p, 0755);
	test_boots();
	test_counter();
	test_hint();
	test_replaced();
	starts_clear();
	return tap_done();
}
