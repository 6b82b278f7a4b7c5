/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a run is remembered by: its times, also if the clock was set, and that
 * nothing damaged is taken for a record.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "ctl/ctl.h"
#include "record/historyfile.h"
#include "record/statefile.h"
#include "scratch.h"
#include "tap.h"

#define HASH	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECOND	UINT64_C(1000000)
#define MONTH	(2592000 * SECOND)
/* 2020-09-13 12:26:40 UTC */
#define OLD	(1600000000 * SECOND)

static uint64_t real_usec, boottime_usec;

/* Instead of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	uint64_t usec = clock == CLOCK_BOOTTIME ? boottime_usec : real_usec;

	*ret_now = (struct timespec){ .tv_sec = usec / SECOND, .tv_nsec = usec % SECOND * 1000 };
	return 0;
}

/* A run of 2.5 s in which the clock was stepped; forward, if not back. */
static struct record run_of(uint64_t forward, uint64_t back)
{
	struct record run = { .id_hash = HASH, .event = EVENT_CHANGED, .hint = "unknown", .source = "vmgenid" };

	real_usec = OLD;
	boottime_usec = 100 * SECOND;
	record_detect(&run);
	boottime_usec += 5 * SECOND / 2;
	real_usec += 5 * SECOND / 2 + forward - back;
	record_finish(&run);
	return run;
}

static void test_times(void)
{
	struct record run = run_of(0, 0);
	uint64_t usec = 7;

	ok(record_duration(&run, &usec) && usec == 5 * SECOND / 2, "a duration");
	ok(!record_corrected(&run, &usec) && usec == 5 * SECOND / 2, "the clock was left alone");
	run = run_of(MONTH, 0);
	ok(record_duration(&run, &usec) && usec == 5 * SECOND / 2, "the same if the clock was stepped by a month");
	ok(run.detected_usec == OLD && record_corrected(&run, &usec) && usec == OLD + MONTH,
	   "both times at which it began are known");
	run = run_of(0, MONTH);
	ok(record_duration(&run, &usec) && usec == 5 * SECOND / 2 && record_corrected(&run, &usec) &&
	   usec == OLD - MONTH, "stepped back likewise");
	run = run_of(SECOND / 10, 0);
	ok(!record_corrected(&run, &usec), "a clock that is only slewed was not stepped");
	run.finished_usec = run.finished_boottime_usec = 0;
	ok(!record_duration(&run, &usec) && !record_corrected(&run, &usec), "it is not finished");
	run = run_of(0, 0);
	run.detected_boottime_usec = 0;
	ok(!record_duration(&run, &usec) && !record_corrected(&run, &usec), "it began in another boot");
	run.detected_boottime_usec = run.finished_boottime_usec + 1;
	ok(!record_duration(&run, &usec), "a clock that went back is none to go by");
}

static int remember(const struct record *run)
{
	int fd, r;

	unlink(scratch_path("state/history"));
	if (state_open(scratch_path("state"), &fd))
		scratch_give_up("state");
	r = history_add(fd, run);
	close(fd);
	return r;
}

/* Is this what vmgenctl history says of it? */
static void expect_history(const struct record *run, const char *text, const char *other)
{
	char state[PATH_MAX], *argv[] = { (char *)"history", NULL };
	struct ctl ctl = { .state_dir = state };
	int saved = dup(STDOUT_FILENO), fd;

	equal(remember(run), 0, "remembered");
	snprintf(state, sizeof(state), "%s", scratch_path("state"));
	fflush(stdout);
	fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	optind = 0;
	fd = ctl_history(&ctl, 1, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	if (!ok(!fd && strstr(scratch_read("out"), text) && strstr(scratch_read("out"), other), "history: %s", text))
		printf("# %d %s\n", fd, scratch_read("out"));
}

static void test_history(void)
{
	struct record run = run_of(MONTH, 0);

	expect_history(&run, "2020-10-13 12:26:40  changed: generation 0 by vmgenid, handled in 2.5 s\n",
		       "    the clock was set during the run; before that it showed 2020-09-13 12:26:40\n");
	strcpy(run.intent_unused, "the intent \"clone\" is kept");
	run.detected_boottime_usec = 0;
	expect_history(&run, "2020-09-13 12:26:40  changed: generation 0 by vmgenid, handled in a later boot\n",
		       "    the intent \"clone\" is kept\n");
	run.finished_boottime_usec = 0;
	expect_history(&run, "handled; how long that took was not recorded\n", "");
}

/* Returns what it is read as: 0 or -errno. change: members that replace its own. */
static int read_changed(const struct record *run, const char *change, struct record *ret_run)
{
	struct json_object *json = record_to_json(run, RECORD_WHOLE), *changes = json_tokener_parse(change);
	int r;

	json_object_object_foreach(changes, key, value) {
		if (value)
			json_object_object_add(json, key, json_object_get(value));
		else
			json_object_object_del(json, key);
	}
	r = record_from_json(json, ret_run);
	json_object_put(changes);
	json_object_put(json);
	return r;
}

static void test_json(void)
{
	static const char *const bad[] = {
		"{\"seed_errno\":4096}", "{\"detected_boottime_usec\":-1}", "{\"finished_boottime_usec\":\"x\"}",
		"{\"intent_unused\":7}", "{\"intent_unused\":\"a\\u001b[2Jb\"}", "{\"skipped\":\"false\"}",
		"{\"incomplete\":0}", "{\"hooks\":[]}", "{\"hooks\":{\"10-a\":{}}}", "{\"id_hash\":\"\"}",
		"{\"sentinels\":3}", "{\"sentinels\":{}}", "{\"sentinels\":{\"zeroed\":-1,\"aware\":0}}",
		"{\"hint\":\"A\"}", "{\"shutdown\":true}", "{\"counter\":\"0\"}",
		"{\"event\":\"test\"}", "{\"generation\":null}", "{\"hint\":null}", "{\"intent_from\":null}",
		"{\"name\":null}", "{\"intent_unused\":null}", "{\"skipped\":null}", "{\"seed_errno\":null}",
		"{\"shutdown\":null}", "{\"finished_boottime_usec\":null}", "{\"intent\":1}",
		"{\"source\":\"a\\nb\"}", "{\"hint\":\"aaaaaaaaaaaaaaaa\"}", "{\"event\":\"none\"}",
		"{\"hooks\":{\"../x\":{\"outcome\":\"succeeded\",\"status\":0,\"duration_ms\":1}}}",
	};
	struct record run = run_of(MONTH, 0), read;
	size_t i;

	strcpy(run.intent_unused, "why");
	strcpy(run.shutdown, "clean");
	strcpy(run.counter, "same");
	run.seed_error = -EINVAL;
	ok(!read_changed(&run, "{}", &read) && !read.sentinels.known, "nobody has looked at sentinels");
	run.sentinels = (struct tally){ .known = true, .counts = { 3, 1, 0, 2, UINT32_MAX } };
	ok(!read_changed(&run, "{}", &read) &&
	   !memcmp(&read.sentinels, &run.sentinels, sizeof(read.sentinels)), "what became of them");
	ok(!read_changed(&run, "{}", &read) && read.detected_usec == run.detected_usec &&
	   read.finished_usec == run.finished_usec && !strcmp(read.intent_unused, "why") && read.seed_error == -EINVAL &&
	   read.detected_boottime_usec == run.detected_boottime_usec &&
	   read.finished_boottime_usec == run.finished_boottime_usec &&
	   !strcmp(read.shutdown, "clean") && !strcmp(read.counter, "same"), "all comes back");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(read_changed(&run, bad[i], &read) == -EBADMSG, "no record: %s", bad[i]);
}

int main(void)
{
	(void)setenv("TZ", "UTC", 1);
	scratch_create();
	test_times();
	test_history();
	test_json();
	return tap_done();
}
