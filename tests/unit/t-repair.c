/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The answer to a change as a whole, without a device: what runs, what is
 * recorded, and what is told.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "repair/repair.h"
#include "repair/startup.h"
#include "rng/random.h"
#include "scratch.h"
#include "tap.h"

static struct config config;
static int reseeds, reseed_result;

/* Instead of the real one, which has a test of its own. */
int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	(void)device;
	(void)hardware;
	(void)id;
	*ret_hardware = 0;
	reseeds++;
	return reseed_result;
}

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

	while (repair->run || repair->waiter) {
		nanosleep(&pause, NULL);
		repair_advance(repair);
		startup_advance(repair);
	}
}

static void start_and_finish(uint64_t generation, const char *id)
{
	struct sighting sighting = sight(generation, id);
	struct repair repair;

	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
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

static bool contains(const char *file, const char *text)
{
	return strcasestr(scratch_read(file), text) != NULL;
}

/* As bytes, as the host writes it, and as it is in memory. */
static bool has_raw_id(const char *file, char letter)
{
	char bytes[VMGEN_ID_SIZE + 1] = "", hex[2 * VMGEN_ID_SIZE + 1] = "", dashed[40];

	memset(bytes, letter, VMGEN_ID_SIZE);
	for (int i = 0; i < VMGEN_ID_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", letter);
	snprintf(dashed, sizeof(dashed), "%.8s-%.4s-%.4s-%.4s-%s", hex, hex, hex, hex, hex + 20);
	return contains(file, bytes) || contains(file, hex) || contains(file, dashed);
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
	ok(!has_raw_id("state/state.json", *id) && !has_raw_id("status.json", *id),
	   "%s: the ID itself is nowhere", name);
	unlink(scratch_path("ran"));
	state_clear(&state);
}

static void forget_boot(void)
{
	struct state state = read_state();
	int fd;

	strcpy(state.boot_id, "99999999-9999-9999-9999-999999999999");
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
}

static void expect_this_boot(const char *name)
{
	struct state state = read_state();

	ok(strcmp(state.boot_id, "99999999-9999-9999-9999-999999999999"), "%s: this boot is recorded", name);
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
	struct sighting none = { .generation = 1 };
	struct repair repair;

	forget_boot();
	start_and_finish(1, ID_C);
	expect("down meanwhile", "15:boot-changed ", EVENT_BOOT_CHANGED, ID_C);
	expect_this_boot("down meanwhile");
	forget_boot();
	start_and_finish(1, ID_C);
	expect("rebooted", "", EVENT_BOOT_CHANGED, ID_C);
	expect_this_boot("rebooted");
	forget_boot();
	repair_init(&repair, &config);
	startup_begin(&repair, &none);
	repair_clear(&repair);
	expect("rebooted without an ID", "", EVENT_BOOT_CHANGED, ID_C);
	expect_this_boot("rebooted without an ID");
}

/* The start is not held up by a run that cannot go on. */
static void test_boot_run_without_id(void)
{
	struct sighting sighting = sight(1, ID_A), none = { .generation = 1 };
	struct repair repair;

	forget_boot();
	scratch_write("generation", "1\n", 0644);
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	ok(repair.run && repair_holds_start(&repair), "a run at boot holds up the start");
	ok(!strcmp(scratch_read("generation"), "0\n"), "no generation is handled yet");
	repair_clear(&repair);
	repair_init(&repair, &config);
	startup_begin(&repair, &none);
	ok(repair.waiter && repair_holds_start(&repair), "so do its hooks after a restart");
	advance_to_end(&repair);
	ok(!repair.run && !repair_holds_start(&repair), "without an ID it is not held up");
	repair_clear(&repair);
	start_and_finish(1, ID_A);
	expect("with the ID again", "15:boot-changed ", EVENT_BOOT_CHANGED, ID_A);
	start_and_finish(2, ID_C);
	expect("back", "15:changed 50:changed ", EVENT_CHANGED, ID_C);
}

static void test_damaged(void)
{
	struct sighting first = sight(1, ID_A);
	struct repair repair;
	int status;
	pid_t pid;

	scratch_write("state/state.json", "{\"version\":1,\"handled\":\"", 0600);
	pid = fork();
	if (!pid) {
		struct rlimit limit = { .rlim_cur = 10, .rlim_max = 10 };

		/* Dies when it writes the new record. */
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		repair_init(&repair, &config);
		startup_begin(&repair, &first);
		_exit(1);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "a start dies before there is a new record");
	start_and_finish(1, ID_A);
	expect("damaged", "15:unknown ", EVENT_UNKNOWN, ID_A);
	ok(!strcmp(scratch_read("state/state.json.bad"), "{\"version\":1,\"handled\":\""),
	   "the damaged file is kept");
	start_and_finish(1, ID_A);
	expect("once", "", EVENT_UNKNOWN, ID_A);
}

static void test_shortage(void)
{
	char before[8192];
	struct sighting first = sight(1, ID_B);
	struct repair repair;
	int status;
	pid_t pid;

	strcpy(before, scratch_read("state/state.json"));
	pid = fork();
	if (!pid) {
		struct rlimit limit;
		int fd;

		/* For the lock and the directory, but not for the file in it. */
		fd = open("/", O_PATH);
		limit.rlim_cur = limit.rlim_max = fd + 2;
		close(fd);
		repair_init(&repair, &config);
		if (setrlimit(RLIMIT_NOFILE, &limit))
			_exit(2);
		startup_begin(&repair, &first);
		_exit(!repair.failed || repair.run);
	}
	ok(waitpid(pid, &status, 0) == pid && !status, "a start without descriptors fails");
	ok(!strcmp(scratch_read("state/state.json"), before), "and does not condemn a good record");
}

static void test_vanished(void)
{
	struct sighting first = sight(1, ID_A), second = sight(2, ID_B), none = { .generation = 4 };
	struct sighting third = sight(3, ID_C);
	struct state state;
	struct repair repair;

	repair_init(&repair, &config);
	startup_begin(&repair, &first);
	repair_change(&repair, &second, false);
	repair_change(&repair, &third, false);
	repair_change(&repair, &none, false);
	advance_to_end(&repair);
	state = read_state();
	ok(!strcmp(state.run.id_hash, second.id_hash) && !strcmp(state.handled, first.id_hash),
	   "no ID during a run: the unfinished run stays on record");
	state_clear(&state);
	repair_change(&repair, &first, false);
	advance_to_end(&repair);
	expect("the ID is back", "15:changed 15:changed 50:changed ", EVENT_CHANGED, ID_A);
	repair_clear(&repair);
}

static void test_made_up(void)
{
	struct sighting first = sight(1, ID_A), second = sight(2, ID_B);
	struct repair repair;
	struct state state;

	second.made_up = true;
	repair_init(&repair, &config);
	startup_begin(&repair, &first);
	repair_change(&repair, &second, false);
	advance_to_end(&repair);
	repair_clear(&repair);
	state = read_state();
	ok(!strcmp(state.last.id_hash, second.id_hash) && !strcmp(state.handled, first.id_hash),
	   "an ID that was made up, and is worth nothing in another boot, is not recorded as handled");
	state_clear(&state);
	unlink(scratch_path("ran"));
}

static void test_reseeds(void)
{
	static const char seed[] = "\xff 32 bytes that are no plain text";
	struct sighting first = sight(1, ID_A), second = sight(2, ID_B);
	struct repair repair;

	repair_init(&repair, &config);
	reseeds = 0;
	startup_begin(&repair, &first);
	equal(reseeds, 0, "no reseed if nothing happened");
	reseed_result = -EIO;
	scratch_write("seed", seed, 0600);
	repair_change(&repair, &second, false);
	equal(reseeds, 1, "one for a change");
	advance_to_end(&repair);
	reseed_result = 0;
	expect("although it failed", "15:changed 50:changed ", EVENT_CHANGED, ID_B);
	ok(contains("status.json", "\"reseed_errno\":5"), "which is told");
	ok(!strcmp(scratch_read("seed"), seed), "the next boot is not seeded from what did not reseed");
	repair_clear(&repair);
	start_and_finish(1, ID_A);
	equal(reseeds, 2, "one for a change that is found at the start");
	expect("found at the start", "15:changed 50:changed ", EVENT_CHANGED, ID_A);
	ok(memcmp(scratch_read("seed"), seed, 32), "but from what did");
	ok(contains("status.json", "\"seed_errno\":0"), "which is told");
	scratch_write("seed", "nothing but text", 0600);
	start_and_finish(2, ID_B);
	expect("once more", "15:changed 50:changed ", EVENT_CHANGED, ID_B);
	ok(contains("status.json", "\"seed_errno\":22") && !strcmp(scratch_read("seed"), "nothing but text"),
	   "what is no seed is left alone, and told");
	unlink(scratch_path("seed"));
	start_and_finish(1, ID_A);
	expect("and back", "15:changed 50:changed ", EVENT_CHANGED, ID_A);
}

static void test_changes(void)
{
	struct sighting first = sight(1, ID_A), second = sight(2, ID_B), third = sight(3, ID_C);
	struct sighting none = { .generation = 4 };
	struct repair repair;
	struct state state;

	repair_init(&repair, &config);
	startup_begin(&repair, &first);
	ok(!repair.run && !repair_holds_start(&repair), "nothing to do");
	scratch_write("hold", "", 0600);
	repair_change(&repair, &second, false);
	ok(repair.run && !repair_holds_start(&repair), "a change begins a run");
	ok(strstr(scratch_read("status.json"), "\"running\""), "which is told");
	ok(!strcmp(scratch_read("generation"), "1\n"), "but is not handled yet");
	repair_change(&repair, &third, false);
	repair_change(&repair, &second, false);
	repair_change(&repair, &third, false);
	unlink(scratch_path("hold"));
	while (repair.pending)
		repair_advance(&repair);
	state = read_state();
	ok(!strcmp(state.run.id_hash, third.id_hash), "the run for the newest is on record");
	state_clear(&state);
	advance_to_end(&repair);
	expect("changes during a run", "15:changed 15:changed 50:changed ", EVENT_CHANGED, ID_C);
	ok(!strcmp(scratch_read("generation"), "3\n"), "the newest is handled");
	repair_change(&repair, &none, false);
	ok(!repair.run, "no hook runs for no ID");
	repair_clear(&repair);
}

static void test_interrupted(void)
{
	struct sighting first = sight(1, ID_C), second = sight(2, ID_A), third = sight(3, ID_B);
	struct state state;
	struct repair repair;

	repair_init(&repair, &config);
	startup_begin(&repair, &first);
	scratch_write("hold", "", 0600);
	repair_change(&repair, &second, false);
	/* The daemon is gone; the hook and its keeper are not. */
	repair_clear(&repair);
	state = read_state();
	ok(!strcmp(state.run.id_hash, second.id_hash) && !strcmp(state.handled, first.id_hash),
	   "interrupted: the unfinished run is on record");
	state_clear(&state);
	reseeds = 0;
	repair_init(&repair, &config);
	startup_begin(&repair, &second);
	ok(repair.waiter && !repair_holds_start(&repair), "a new start waits for it, which holds nothing up");
	ok(!strcmp(scratch_read("generation"), "0\n") && contains("status.json", "\"waiting\""), "and says so");
	/* And this one is stopped while it waits. */
	repair_clear(&repair);
	(void)kill(repair.waiter, SIGKILL);
	(void)waitpid(repair.waiter, NULL, 0);
	repair_init(&repair, &config);
	startup_begin(&repair, &second);
	equal(reseeds, 2, "the reseed does not wait");
	repair_change(&repair, &third, false);
	equal(reseeds, 3, "nor at a change meanwhile");
	ok(!repair.run && !*scratch_read("ran"), "but the hooks do");
	unlink(scratch_path("hold"));
	advance_to_end(&repair);
	repair_clear(&repair);
	expect("interrupted", "15:changed 15:changed 50:changed ", EVENT_CHANGED, ID_B);
	start_and_finish(2, ID_A);
	expect("interrupted and back", "15:changed 50:changed ", EVENT_CHANGED, ID_A);
}

static void test_no_state(void)
{
	free(config.state_dir);
	config.state_dir = strdup(scratch_path("hooks/15-guard"));
	start_and_finish(1, ID_A);
	ok(!strcmp(scratch_read("ran"), "15:unknown "), "without a state directory the guards run");
	ok(!strcmp(scratch_read("generation"), "1\n"), "and the start is not held up");
	ok(strstr(scratch_read("status.json"), "\"recorded\":false"), "but that is told");
	unlink(scratch_path("ran"));
	free(config.state_dir);
	config.state_dir = strdup(scratch_path("no/such"));
	start_and_finish(1, ID_A);
	ok(!strcmp(scratch_read("ran"), "15:unknown "), "a state directory that cannot be made is no first start");
}

int main(void)
{
	char text[2 * PATH_MAX + 64];

	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	config.jitter_sec = 0;
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.intent_file);
	free(config.seed_file);
	config.intent_file = strdup(scratch_path("intent"));
	config.seed_file = strdup(scratch_path("seed"));
	config.sysfs = scratch_directory;
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	scratch_mkdir("hooks", 0755);
	snprintf(text, sizeof(text), "#!/bin/sh\nwhile [ -e %s ]; do sleep 0.01; done; printf \"15:$1 \" >>%s\n",
		 scratch_path("hold"), scratch_path("ran"));
	scratch_write("hooks/15-guard", text, 0755);
	snprintf(text, sizeof(text), "#!/bin/sh\nprintf \"50:$1 \" >>%s\n", scratch_path("ran"));
	scratch_write("hooks/50-repair", text, 0755);
	test_starts();
	test_reboot();
	test_boot_run_without_id();
	test_damaged();
	test_shortage();
	test_reseeds();
	test_vanished();
	test_changes();
	test_interrupted();
	test_made_up();
	test_no_state();
	config_clear(&config);
	return tap_done();
}
