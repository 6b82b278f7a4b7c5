/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The intent through whole runs: it is used once, wherever vmgend dies.
 */
#include "starts.h"

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

int main(void)
{
	starts_create();
	test_intent();
	test_bad_intent();
	test_crashes('B');
	test_crashes('C');
	test_left_over();
	test_stuck();
	test_no_space();
	starts_clear();
	return tap_done();
}
