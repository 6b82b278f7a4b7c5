/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The order of hooks: what runs, when, and what does not run again.
 */
#include "rig.h"
#include "run/muster.h"

static void test_order(void)
{
	/* Each of two waits for the other, so they end only side by side. */
	static const char meet[] = "touch out-%s; while [ ! -e out-%s ]; do sleep 0.01; done; touch out-%s-end";
	char text[256];

	clean_hooks();
	snprintf(text, sizeof(text), meet, "a", "b", "a");
	hook("20-a", text);
	snprintf(text, sizeof(text), meet, "b", "a", "b");
	hook("20-b", text);
	hook("21-next", "[ -e out-a-end ] && [ -e out-b-end ] && touch out-next");
	hook("90-last", "[ -e out-next ]");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("20-a", OUTCOME_SUCCEEDED, 0, NULL);
	expect("20-b", OUTCOME_SUCCEEDED, 0, NULL);
	expect("21-next", OUTCOME_SUCCEEDED, 0, NULL);
	expect("90-last", OUTCOME_SUCCEEDED, 0, NULL);
	/* A guard waits for nothing, no other guard either; all else waits for it. */
	clean_hooks();
	snprintf(text, sizeof(text), meet, "a", "b", "a");
	hook("05-a", text);
	snprintf(text, sizeof(text), meet, "b", "a", "b");
	hook("19-b", text);
	hook("20-next", "[ -e out-a-end ] && [ -e out-b-end ]");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("05-a", OUTCOME_SUCCEEDED, 0, NULL);
	expect("19-b", OUTCOME_SUCCEEDED, 0, NULL);
	expect("20-next", OUTCOME_SUCCEEDED, 0, NULL);
}

static void test_events(void)
{
	static const struct {
		enum event event;
		const char *intent, *want;
	} cases[] = {
		{ EVENT_CHANGED, "", "05-x 15-x 20-x 60-x 79-x 85-x " },
		{ EVENT_CHANGED, "restore", "05-x 15-x 20-x 60-x 79-x 85-x " },
		{ EVENT_BOOT_CHANGED, "", "05-x 15-x " },
		{ EVENT_BOOT_CHANGED, "restore", "05-x 15-x " },
		{ EVENT_BOOT_CHANGED, "clone", "05-x 15-x 60-x 79-x " },
		{ EVENT_UNKNOWN, "clone", "15-x " },
		{ EVENT_ADOPTED, "", "" },
		{ EVENT_ADOPTED, "clone", "60-x 79-x " },
		{ EVENT_TEST, "", "05-x 15-x 20-x 60-x 79-x 85-x " },
	};
	static const char *const names[] = { "05-x", "15-x", "20-x", "60-x", "79-x", "85-x" };
	unsigned int jitter_sec = config.jitter_sec;
	size_t i, j, n_names = sizeof(names) / sizeof(names[0]);
	char text[64];

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clean_hooks();
		for (j = 0; j < n_names; j++) {
			snprintf(text, sizeof(text), "touch out-%s", names[j]);
			hook(names[j], text);
		}
		/* While a boot waits, no hook waits for its siblings. */
		config.jitter_sec = strcmp(cases[i].intent, "clone") ? jitter_sec : 86400;
		begin_record(cases[i].event);
		strcpy(record.intent, cases[i].intent);
		run_hooks();
		*text = '\0';
		for (j = 0; j < n_names; j++)
			if (!access(scratch_path("out-%s", names[j]), F_OK))
				sprintf(text + strlen(text), "%s ", names[j]);
		if (!ok(!strcmp(text, cases[i].want), "at %s, intent \"%s\": %s",
			event_name(cases[i].event), cases[i].intent, cases[i].want))
			printf("# %s\n", text);
	}
	config.jitter_sec = jitter_sec;
}

static void test_resume(void)
{
	struct hook_result done = { .name = "10-done", .outcome = OUTCOME_SUCCEEDED };
	struct hook_result failed = { .name = "10-failed", .outcome = OUTCOME_FAILED, .status = 3 };

	clean_hooks();
	hook("10-done", "touch out-done");
	hook("10-failed", "touch out-failed");
	begin_record(EVENT_CHANGED);
	(void)record_set_result(&record, &done);
	(void)record_set_result(&record, &failed);
	run_hooks();
	ok(access(scratch_path("out-done"), F_OK), "what succeeded is not run again");
	ok(!access(scratch_path("out-failed"), F_OK), "what failed is");
	expect("10-failed", OUTCOME_SUCCEEDED, 0, NULL);
	equal(record_failures(&record), 0, "all is well now");
}

static void test_stop(void)
{
	struct run *run;

	clean_hooks();
	hook("10-a", "touch out-a; sleep 0.2; touch out-end");
	hook("20-b", "touch out-b");
	begin_record(EVENT_CHANGED);
	if (run_new(&config, &record, RUN_ALL, lock_fd, &run))
		scratch_give_up("run");
	equal(run_advance(run), 1, "one hook runs");
	ok(run_limit(run) >= config.hook_timeout_sec, "for so long at most");
	run_stop(run);
	advance_to_end(run);
	ok(!access(scratch_path("out-end"), F_OK), "it ends by itself");
	ok(access(scratch_path("out-b"), F_OK), "and no other begins");
}

/* What was not even looked at is no success. */
static void test_incomplete(void)
{
	clean_hooks();
	hook("10-a", "exit 0");
	begin_record(EVENT_CHANGED);
	run_hooks();
	ok(!record.incomplete && !record_failures(&record), "all hooks were looked at");
	(void)chmod(scratch_path("hooks"), 0775);
	begin_record(EVENT_CHANGED);
	run_hooks();
	ok(record.incomplete && !record.n_results, "not those of a directory that others can change");
	equal(record_failures(&record), 1, "which counts as a failure");
}

/* What stands by for the next change has the directories of what has just run. */
static void test_renewal(void)
{
	struct record later = { .n_results = 0 };
	struct run *run, *next;
	char *path = config.hook_path;

	clean_hooks();
	hook("10-a", "exit 0");
	begin_record(EVENT_CHANGED);
	scratch_mkdir("above", 0755);
	if (asprintf(&config.hook_path, "%s:%s", scratch_path("above"), path) < 0 ||
	    run_new(&config, &record, RUN_GUARDS, lock_fd, &run) || run_renew(run, &later, &next))
		scratch_give_up("run");
	ok(next->list.n_hooks == 1 && !strcmp(next->list.hooks[0].directory, path),
	   "the hooks of a later directory are looked for there again");
	run_free(run);
	run_free(next);
	record_clear(&later);
	free(config.hook_path);
	config.hook_path = path;
}

/* The state cannot be written: the hooks matter more. */
static void test_no_state(void)
{
	clean_hooks();
	hook("10-a", "touch out-a");
	begin_record(EVENT_CHANGED);
	free(config.state_dir);
	config.state_dir = strdup(scratch_path("hooks/10-a"));
	run_hooks();
	ok(!access(scratch_path("out-a"), F_OK), "a hook runs although nothing can be recorded");
	ok(scratch_comes("log", "10-a: its result cannot be recorded in"), "and that is told");
}

int main(void)
{
	rig_create();
	test_order();
	test_events();
	test_resume();
	test_stop();
	test_incomplete();
	test_renewal();
	test_no_state();
	rig_clear();
	return tap_done();
}
