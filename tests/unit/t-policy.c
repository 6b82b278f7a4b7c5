/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for, through whole runs without hooks: the intent is
 * used once, wherever vmgend dies, and boots that all bring a new ID are told.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "intent.h"
#include "random.h"
#include "repair.h"
#include "scratch.h"
#include "tap.h"

#define OTHER_BOOT "99999999-9999-9999-9999-999999999999"

static struct config config;
/* Dies instead of the step with this number; 0: never. */
static int fuse;
static char order[512];
/* No intent can be removed. */
static bool stuck;

static void step(const char *name)
{
	if (strlen(order) + strlen(name) < sizeof(order))
		strcat(order, name);
	if (fuse && !--fuse)
		_exit(9);
}

/* Instead of libc's. */
int fsync(int fd)
{
	step("sync ");
	return syscall(SYS_fsync, fd);
}

int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
	step(strcmp(new, "state.json") ? "" : "state ");
	return syscall(SYS_renameat, old_fd, old, new_fd, new);
}

int unlinkat(int fd, const char *name, int flags)
{
	if (stuck && !strcmp(name, "intent")) {
		errno = EROFS;
		return -1;
	}
	if (*name != '.')
		step("unlink ");
	return syscall(SYS_unlinkat, fd, name, flags);
}

int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	(void)device;
	(void)hardware;
	(void)id;
	*ret_hardware = 0;
	return 0;
}

static struct sighting sight(char letter)
{
	struct sighting sighting = { .generation = 1, .has_id = true };

	memset(sighting.id, letter, VMGEN_ID_SIZE);
	hash_id(sighting.id, sighting.id_hash);
	return sighting;
}

static void start(char letter)
{
	struct sighting sighting = sight(letter);
	struct repair repair;

	repair_init(&repair, &config);
	repair_start(&repair, &sighting);
	while (repair.run || repair.waiter)
		repair_advance(&repair);
	repair_clear(&repair);
}

static struct state read_state(void)
{
	struct state state = { .boot_id = "" };
	int fd;

	if (!state_open(config.state_dir, &fd)) {
		(void)state_load(fd, &state, NULL);
		close(fd);
	}
	return state;
}

static void reboot(void)
{
	struct state state = read_state();
	int fd;

	strcpy(state.boot_id, OTHER_BOOT);
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
}

static void say(const char *word)
{
	int fd;

	if (state_open(config.state_dir, &fd) || intent_write(fd, word))
		scratch_give_up("intent");
	close(fd);
}

static bool is_said(void)
{
	return !access(scratch_path("state/intent"), F_OK) || !access(config.intent_file, F_OK);
}

static void expect(const char *name, enum event event, const char *intent)
{
	struct state state = read_state();

	if (!ok(state.last.event == event && !strcmp(state.last.intent, intent) && !is_said() &&
		!state.intent_spent, "%s: %s, intent \"%s\", and none is left", name, event_name(event), intent))
		printf("# %s \"%s\"\n", event_name(state.last.event), state.last.intent);
	state_clear(&state);
}

static void test_intent(void)
{
	say("clone");
	start('A');
	expect("without a record it is dropped", EVENT_ADOPTED, "");
	say("clone");
	start('A');
	ok(is_said(), "if nothing happened it stays");
	order[0] = '\0';
	start('B');
	expect("the next change", EVENT_CHANGED, "clone");
	ok(!strncmp(order, "sync state sync unlink sync unlink sync sync state sync ", 56),
	   "it is on disk as used before it is removed");
	start('C');
	expect("the one after that", EVENT_CHANGED, "");
	scratch_write("etc/intent", "restore\n", 0644);
	reboot();
	start('A');
	expect("a tool has dropped it", EVENT_BOOT_CHANGED, "restore");
	scratch_write("etc/intent", "clone", 0644);
	say("clone");
	start('B');
	expect("both say the same", EVENT_CHANGED, "clone");
	scratch_write("etc/intent", "clone", 0644);
	say("restore");
	start('C');
	expect("a contradiction", EVENT_CHANGED, "");
	say("clone");
	scratch_write("state/state.json", "damaged", 0600);
	start('A');
	expect("nobody knows if it was used before", EVENT_UNKNOWN, "");
}

static void refuse(const char *name)
{
	struct state state;

	start('B');
	state = read_state();
	ok(!*state.last.intent && !access(config.intent_file, F_OK), "%s: not used, and kept", name);
	state_clear(&state);
	start('A');
}

static void test_bad_intent(void)
{
	scratch_write("etc/intent", "Clone\n", 0644);
	refuse("another word");
	scratch_write("etc/intent", "clone\n", 0666);
	refuse("others can write to it");
	scratch_write("etc/intent", "clone\n", 0644);
	(void)!chown(config.intent_file, 1000, 1000);
	refuse("another user's");
	(void)!chown(config.intent_file, 0, 0);
	(void)!chmod(scratch_path("etc"), 0777);
	refuse("others can replace it");
	(void)!chmod(scratch_path("etc"), 0755);
	unlink(config.intent_file);
	scratch_write("word", "clone\n", 0644);
	(void)!symlink(scratch_path("word"), config.intent_file);
	refuse("a symbolic link");
	unlink(config.intent_file);
	say("clone");
	scratch_write("etc/intent", "Clone\n", 0644);
	start('B');
	unlink(config.intent_file);
	expect("beside a bad file the word of vmgenctl counts", EVENT_CHANGED, "clone");
	start('A');
}

/* Dies at every step in turn, and comes back with the same ID or with another. */
static void test_crashes(char back)
{
	int i, status, died = 0, twice = 0, left = 0, lost = 0;
	struct state before, after;
	pid_t pid;

	for (i = 1; i < 40; i++) {
		start('A');
		say("clone");
		scratch_write("etc/intent", "clone\n", 0644);
		pid = fork();
		if (!pid) {
			fuse = i;
			start('B');
			_exit(0);
		}
		waitpid(pid, &status, 0);
		died += status != 0;
		before = read_state();
		start(back);
		after = read_state();
		/* The run for B had it on record; then no run for C may have it. */
		twice += (*before.run.intent || *before.last.intent) && back == 'C' && *after.last.intent;
		lost += back == 'B' && strcmp(after.last.intent, "clone");
		left += after.intent_spent || is_said();
		state_clear(&before);
		state_clear(&after);
		if (!status)
			break;
	}
	ok(died >= 12 && died == i - 1, "vmgend died at %d steps, then %c", died, back);
	equal(twice, 0, "no intent is used for two changes");
	equal(lost, 0, "nor lost for the change that it was used for");
	equal(left, 0, "nor left over");
}

/* Without a change there is nobody but the next start to tidy up. */
static void test_left_over(void)
{
	struct state state;
	int fd;

	start('A');
	say("clone");
	state = read_state();
	state.intent_spent = true;
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
	start('A');
	state = read_state();
	ok(!state.intent_spent && !is_said(), "the next start removes what is left over");
	state_clear(&state);
}

static void test_stuck(void)
{
	struct sighting first = sight('A'), second = sight('B'), third = sight('C');
	struct repair repair;
	struct state state;

	say("clone");
	stuck = true;
	repair_init(&repair, &config);
	repair_start(&repair, &first);
	repair_change(&repair, &second);
	ok(!strcmp(repair.state.last.intent, "clone") && is_said(), "it is used, but cannot be removed");
	repair_change(&repair, &third);
	ok(!*repair.state.last.intent && is_said(), "it is not used again");
	repair_clear(&repair);
	start('A');
	state = read_state();
	ok(!*state.last.intent && is_said(), "nor after a restart");
	state_clear(&state);
	stuck = false;
	start('B');
	expect("it can be removed again", EVENT_CHANGED, "");
}

/* The record can be read, but nothing can be written. */
static void test_no_space(void)
{
	struct sighting sighting = sight('B');
	struct repair repair;
	struct state state;

	start('A');
	say("clone");
	scratch_mkdir("state/.state.json.new", 0700);
	repair_init(&repair, &config);
	repair_start(&repair, &sighting);
	ok(repair.state.last.event == EVENT_CHANGED && !*repair.state.last.intent,
	   "one that cannot be recorded as used is not used");
	repair_clear(&repair);
	rmdir(scratch_path("state/.state.json.new"));
	state = read_state();
	ok(!*state.run.intent && !*state.last.intent && !is_said(), "and is gone");
	state_clear(&state);
	start('B');
	expect("with space again", EVENT_CHANGED, "");
}

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
		start('a' + i);
		expect_boots("a new start in the same boot", i, false);
	}
	reboot();
	start('x');
	expect_boots("after five", 6, true);
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
	reboot();
	die_in_run('C');
	reboot();
	start('C');
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
	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.intent_file);
	free(config.seed_file);
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	config.intent_file = strdup(scratch_path("etc/intent"));
	config.seed_file = strdup(scratch_path("seed"));
	config.sysfs = strdup(scratch_path("sys"));
	scratch_mkdir("etc", 0755);
	for (const char *const *p = (const char *const[]) { "sys", "sys/class", "sys/class/dmi",
	     "sys/class/dmi/id", "sys/class/net", "sys/class/net/eth0", "sys/class/net/eth0/device", NULL }; *p; p++)
		scratch_mkdir(*p, 0755);
	scratch_write("sys/class/net/eth0/addr_assign_type", "0\n", 0444);
	test_intent();
	test_bad_intent();
	test_crashes('B');
	test_crashes('C');
	test_left_over();
	test_stuck();
	test_no_space();
	test_boots();
	test_hint();
	test_replaced();
	free((char *)config.sysfs);
	config_clear(&config);
	return tap_done();
}
