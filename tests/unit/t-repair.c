/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The answer to a change as a whole, without a device: what runs, what is
 * recorded, and what is told.
 */
#include <errno.h>
#include <time.h>

#include "repair.h"
#include "scratch.h"
#include "tap.h"

static struct config config;

static struct sighting sight(uint64_t generation, const char *id)
{
	struct sighting sighting = { .generation = generation, .has_id = true };

	memcpy(sighting.id, id, VMGEN_ID_SIZE);
	hash_id(sighting.id, sighting.id_hash);
	return sighting;
}

#define ID_A "AAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBB"
#define ID_C "CCCCCCCCCCCCCCCC"

static void advance_to_end(struct repair *repair)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	while (repair->run) {
		nanosleep(&pause, NULL);
		repair_advance(repair);
	}
}

static void start_and_finish(uint64_t generation, const char *id)
{
	struct sighting sighting = sight(generation, id);
	struct repair repair;

	repair_init(&repair, &config);
	repair_start(&repair, &sighting);
	advance_to_end(&repair);
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

static void expect(const char *name, const char *ran, enum event event, const char *id)
{
	struct state state = read_state();
	struct sighting sighting = sight(0, id);

	if (!ok(!strcmp(scratch_read("ran"), ran), "%s: hooks: %s", name, ran))
		printf("# %s\n", scratch_read("ran"));
	ok(!strcmp(state.handled, sighting.id_hash) && !*state.run.id_hash,
	   "%s: recorded as handled", name);
	ok(state.last.event == event, "%s: %s", name, event_name(state.last.event));
	ok(!memmem(scratch_read("state/state.json"), strlen(scratch_read("state/state.json")), id, 8) &&
	   !strstr(scratch_read("status.json"), id), "%s: the ID itself is nowhere", name);
	unlink(scratch_path("ran"));
	state_clear(&state);
}

static void test_starts(void)
{
	start_and_finish(1, ID_A);
	expect("first start", "", EVENT_ADOPTED, ID_A);
	ok(!strcmp(scratch_read("generation"), "1\n"), "first start: the generation is published");
	ok(strstr(scratch_read("status.json"), "\"recorded\":true"), "first start: what is on disk is told");
	start_and_finish(2, ID_A);
	expect("nothing happened", "", EVENT_ADOPTED, ID_A);
	ok(!strcmp(scratch_read("generation"), "2\n"), "only the ID counts");
	start_and_finish(1, ID_B);
	expect("stopped meanwhile", "15:changed 50:changed ", EVENT_CHANGED, ID_B);
}

static void test_reboot(void)
{
	struct state state = read_state();
	int fd;

	strcpy(state.boot_id, "99999999-9999-9999-9999-999999999999");
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
	start_and_finish(1, ID_C);
	expect("down meanwhile", "15:boot-changed ", EVENT_BOOT_CHANGED, ID_C);
	state = read_state();
	ok(strcmp(state.boot_id, "99999999-9999-9999-9999-999999999999"), "this boot is recorded");
	state_clear(&state);
}

static void test_damaged(void)
{
	scratch_write("state/state.json", "{\"version\":1,\"handled\":\"", 0600);
	start_and_finish(1, ID_A);
	expect("damaged", "15:unknown ", EVENT_UNKNOWN, ID_A);
	ok(!strcmp(scratch_read("state/state.json.bad"), "{\"version\":1,\"handled\":\""),
	   "the damaged file is kept");
	start_and_finish(1, ID_A);
	expect("once", "", EVENT_UNKNOWN, ID_A);
}

static void test_changes(void)
{
	struct sighting first = sight(1, ID_A), second = sight(2, ID_B), third = sight(3, ID_C);
	struct sighting none = { .generation = 4 };
	struct repair repair;

	repair_init(&repair, &config);
	repair_start(&repair, &first);
	ok(!repair.run && !repair_holds_start(&repair), "nothing to do");
	repair_change(&repair, &second);
	ok(repair.run && !repair_holds_start(&repair), "a change begins a run");
	ok(strstr(scratch_read("status.json"), "\"running\""), "which is told");
	ok(!strcmp(scratch_read("generation"), "1\n"), "but is not handled yet");
	repair_change(&repair, &third);
	repair_change(&repair, &second);
	repair_change(&repair, &third);
	advance_to_end(&repair);
	expect("changes during a run", "15:changed 15:changed 50:changed ", EVENT_CHANGED, ID_C);
	ok(!strcmp(scratch_read("generation"), "3\n"), "the newest is handled");
	repair_change(&repair, &none);
	ok(!repair.run, "no hook runs for no ID");
	repair_clear(&repair);
}

static void test_interrupted(void)
{
	struct sighting first = sight(1, ID_C), second = sight(2, ID_A);
	struct state state;
	struct repair repair;

	repair_init(&repair, &config);
	repair_start(&repair, &first);
	repair_change(&repair, &second);
	/* The daemon is gone; the hook and its keeper are not. */
	repair_clear(&repair);
	state = read_state();
	ok(!strcmp(state.run.id_hash, second.id_hash) && !strcmp(state.handled, first.id_hash),
	   "interrupted: the unfinished run is on record");
	state_clear(&state);
	start_and_finish(2, ID_A);
	expect("interrupted", "15:changed 50:changed ", EVENT_CHANGED, ID_A);
}

static void test_no_state(void)
{
	free(config.state_dir);
	config.state_dir = strdup(scratch_path("hooks/15-guard"));
	start_and_finish(1, ID_A);
	ok(!strcmp(scratch_read("ran"), "15:unknown "), "without a state directory the guards run");
	ok(!strcmp(scratch_read("generation"), "1\n"), "and the start is not held up");
	ok(strstr(scratch_read("status.json"), "\"recorded\":false"), "but that is told");
}

int main(void)
{
	char text[PATH_MAX + 64];

	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	scratch_mkdir("hooks", 0755);
	snprintf(text, sizeof(text), "#!/bin/sh\nsleep 0.2; printf \"15:$1 \" >>%s\n", scratch_path("ran"));
	scratch_write("hooks/15-guard", text, 0755);
	snprintf(text, sizeof(text), "#!/bin/sh\nprintf \"50:$1 \" >>%s\n", scratch_path("ran"));
	scratch_write("hooks/50-repair", text, 0755);
	test_starts();
	test_reboot();
	test_damaged();
	test_changes();
	test_interrupted();
	test_no_state();
	config_clear(&config);
	return tap_done();
}
