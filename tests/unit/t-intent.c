/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The intent through whole runs: it is used once, wherever vmgend dies.
 */
#include "starts.h"

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
	expect_unused("the intent \"clone\" is dropped: it was for a change, and this is \"adopted\"");
	say("clone");
	start('A');
	ok(is_said(), "if nothing happened it stays");
	order[0] = '\0';
	start('B');
	expect("the next change", EVENT_CHANGED, "clone");
	expect_unused("");
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
	expect_unused("declares \"clone\", and vmgenctl intent declared \"restore\": neither is used");
	say("clone");
	scratch_write("state/state.json", "damaged", 0600);
	start('A');
	expect("nobody knows if it was used before", EVENT_UNKNOWN, "");
	expect_unused("this is \"unknown\"");
}

static void refuse(const char *name, const char *text)
{
	struct state state;

	start('B');
	expect_unused(text);
	state = read_state();
	ok(!*state.last.intent && !access(config.intent_file, F_OK), "%s: not used, and kept", name);
	state_clear(&state);
	start('A');
}

static void test_bad_intent(void)
{
	int fd;

	scratch_write("etc/intent", "Clone\n", 0644);
	refuse("another word", "must hold one line, \"clone\" or \"restore\"");
	scratch_write("etc/intent", "clone\nrestore\n", 0644);
	refuse("two words", "must hold one line");
	fd = open(config.intent_file, O_WRONLY | O_TRUNC);
	(void)!write(fd, "clone\0x\n", 8);
	close(fd);
	refuse("a zero byte", "must hold one line");
	(void)!chown(scratch_directory, 1000, 0);
	scratch_write("etc/intent", "clone\n", 0644);
	refuse("others can replace its directory", "belongs to user 1000, not to root (chown");
	(void)!chown(scratch_directory, 0, 0);
	scratch_write("etc/intent", "clone\n", 0666);
	refuse("others can write to it", "can be changed by others than root");
	scratch_write("etc/intent", "clone\n", 0644);
	(void)!chown(config.intent_file, 1000, 1000);
	refuse("another user's", "can be changed by others than root");
	(void)!chown(config.intent_file, 0, 0);
	(void)!chmod(scratch_path("etc"), 0777);
	refuse("others can replace it", "/etc can be written by others than root (chmod go-w");
	(void)!chmod(scratch_path("etc"), 0755);
	unlink(config.intent_file);
	scratch_write("word", "clone\n", 0644);
	(void)!symlink(scratch_path("word"), config.intent_file);
	refuse("a symbolic link", "is a symbolic link");
	unlink(config.intent_file);
	/* A start that waits for a writer does not come back. */
	(void)!mkfifo(config.intent_file, 0600);
	refuse("a FIFO", "is not a regular file");
	unlink(config.intent_file);
	scratch_write("state/intent", "Clone\n", 0600);
	start('B');
	expect_unused("the intent in the state directory: must hold one line");
	unlink(scratch_path("state/intent"));
	start('A');
	say("clone");
	scratch_write("etc/intent", "Clone\n", 0644);
	start('B');
	unlink(config.intent_file);
	expect("beside a bad file the word of vmgenctl counts", EVENT_CHANGED, "clone");
	start('A');
}

static void say_clone(void)
{
	start('A');
	say("clone");
	scratch_write("etc/intent", "clone\n", 0644);
}

static bool is_left(const struct state *state)
{
	return state->intent_spent || is_said();
}

static void test_crashes(char back, bool boots)
{
	struct crashes crashes = crash_everywhere(say_clone, back, boots, is_left);

	ok(crashes.died >= 12, "vmgend died at %d steps, then %c%s", crashes.died, back,
	   boots ? " at another boot" : "");
	equal(crashes.twice, 0, "no intent is used for two changes");
	equal(crashes.lost, 0, "nor lost for the change that it was used for");
	equal(crashes.left, 0, "nor left over");
}

/* As a clone was that is cut off when one of its hooks has ended in order. */
static void cut_off(void)
{
	struct hook_result results[] = {
		{ .name = "10-stop", .outcome = OUTCOME_SUCCEEDED },
		{ .name = "60-own", .outcome = OUTCOME_SUCCEEDED },
		{ .name = "60-copied", .outcome = OUTCOME_TIMED_OUT },
	};
	struct sighting sighting = sight('B');
	struct state state;
	size_t i;
	int fd;

	start('A');
	state = read_state();
	state.run = (struct record){ .event = EVENT_CHANGED, .hint = "unknown", .intent = "clone" };
	strcpy(state.run.id_hash, sighting.id_hash);
	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (record_set_result(&state.run, &results[i]))
			scratch_give_up("memory");
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
	reboot();
}

static void expect_kept(const char *name, bool kept)
{
	struct state state = read_state();

	ok(state.last.n_results == kept && (!kept || record_result(&state.last, "60-own")), "%s", name);
	state_clear(&state);
}

static void test_cut_off(void)
{
	cut_off();
	start('C');
	expect("a clone that was cut off, with another ID", EVENT_BOOT_CHANGED, "clone");
	expect_kept("what it has got of its identity it keeps", true);
	cut_off();
	say("clone");
	start('C');
	expect("a clone of that", EVENT_BOOT_CHANGED, "clone");
	expect_kept("takes all of it anew", false);
	cut_off();
	say("restore");
	start('C');
	expect("what was said since counts", EVENT_BOOT_CHANGED, "restore");
	cut_off();
	start('B');
	expect("with the same ID", EVENT_BOOT_CHANGED, "clone");
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
	startup_begin(&repair, &first);
	repair_change(&repair, &second, false);
	ok(!strcmp(repair.state.last.intent, "clone") && is_said(), "it is used, but cannot be removed");
	repair_change(&repair, &third, false);
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

/* Restores the record of A, and has nothing written from now on. */
static void fill_disk(struct repair *repair, bool dies)
{
	struct sighting sighting = sight('B');

	start('A');
	say("clone");
	full = true;
	repair_init(repair, &config);
	startup_begin(repair, &sighting);
	ok(repair->state.last.event == EVENT_CHANGED && !*repair->state.last.intent && !repair->recorded,
	   "one that cannot be recorded as used is not used");
	ok(is_said() && !strncmp(repair->state.last.intent_unused, "the intent \"clone\" is kept and not used, ", 40) &&
	   strstr(repair->state.last.intent_unused, "/state: No space left on device (df -h"), "but kept, and the remedy told");
	if (dies)
		repair_clear(repair);
	full = false;
}

/* The record can be read, but nothing can be written. */
static void test_no_space(void)
{
	struct repair repair;

	fill_disk(&repair, false);
	repair_again(&repair);
	expect("with space again, vmgenctl trigger --real", EVENT_CHANGED, "clone");
	expect_unused("");
	repair_clear(&repair);
	fill_disk(&repair, true);
	start('B');
	expect("with space again, a restart", EVENT_CHANGED, "clone");
	expect_unused("");
	start('C');
	expect("after that it is used up", EVENT_CHANGED, "");
}

int main(void)
{
	starts_create();
	test_intent();
	test_bad_intent();
	test_crashes('B', false);
	test_crashes('C', false);
	test_crashes('C', true);
	test_cut_off();
	test_left_over();
	test_stuck();
	test_no_space();
	starts_clear();
	return tap_done();
}
