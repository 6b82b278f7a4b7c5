/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Drills: what runs because somebody asked for it, what is told of it, and
 * that a change comes first.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "base/json.h"
#include "repair/drill.h"
#include "repair/startup.h"
#include "rig.h"
#include "rng/random.h"

#define STATE "state/state.json"

static struct repair repair;
static struct drill drill;
static int reseeds, told_waiting;

/* Instead of the real one, which has a test of its own. */
int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	(void)device;
	(void)hardware;
	(void)id;
	*ret_hardware = 0;
	reseeds++;
	return 0;
}

/* Instead of libc's, to see also what is told for a moment. */
int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
	if (!strcmp(new, "status.json") &&
	    strstr(scratch_read(".status.json.new"), "\"phase\":\"waiting\""))
		told_waiting++;
	return syscall(SYS_renameat, old_fd, old, new_fd, new);
}

static struct sighting sight(uint64_t generation, char letter)
{
	struct sighting sighting = { .generation = generation, .has_id = true };

	memset(sighting.id, letter, VMGEN_ID_SIZE);
	hash_id(sighting.id, sighting.id_hash);
	return sighting;
}

static void begin(const struct sighting *sighting)
{
	repair_init(&repair, &config);
	drill_init(&drill, &repair);
	startup_begin(&repair, sighting);
}

static void end(void)
{
	drill_clear(&drill);
	repair_clear(&repair);
}

/* As vmgend does. */
static void notice(const struct sighting *sighting)
{
	repair_change(&repair, sighting, drill_is_in_way(&drill));
	if (sighting->has_id)
		drill_stop(&drill);
}

static void clean(void)
{
	clean_hooks();
	hook("15-guard", "printf \"15:$1:$VMGEN_EVENT:$2 \" >>out-ran; while [ -e hold ]; do sleep 0.01; done");
	hook("50-repair", "printf \"50:$1:$VMGEN_EVENT:$2 \" >>out-ran; exit 3");
}

static void advance(void)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	while (repair.run || repair.pending || drill.report.phase == DRILL_RUNNING) {
		nanosleep(&pause, NULL);
		repair_advance(&repair);
		drill_advance(&drill);
	}
}

static void request(const char *text)
{
	scratch_write("trigger", text, 0600);
	drill_request(&drill);
}

static void expect_ran(const char *want, const char *name)
{
	if (!ok(!strcmp(scratch_read("out-ran"), want), "%s: %s", name, want))
		printf("# %s\n", scratch_read("out-ran"));
	unlink(scratch_path("out-ran"));
}

/* Returns a text of the member drill of status.json, good until the next call. */
static const char *told(const char *key)
{
	static struct json_object *status;
	struct json_object *member, *value;

	json_object_put(status);
	status = json_tokener_parse(scratch_read("status.json"));
	if (!json_object_object_get_ex(status, "drill", &member) ||
	    !json_object_object_get_ex(member, key, &value))
		return "";
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

static void expect_told(const char *key, const char *want)
{
	if (!ok(!strcmp(told(key), want), "told: %s: %s", key, want))
		printf("# %s\n", told(key));
}

static void test_drill(void)
{
	char state[1 << 14];

	clean();
	strcpy(state, scratch_read("state/state.json"));
	ok(*told("phase") == '\0', "before the first drill nothing is told of one");
	request("{\"id\":\"a-1\",\"real\":false}");
	expect_told("phase", "\"running\"");
	ok(access(scratch_path("trigger"), F_OK), "the request is taken away");
	advance();
	expect_ran("15:test:test:1 50:test:test:1 ", "a drill runs all hooks");
	expect_told("phase", "\"over\"");
	expect_told("id", "\"a-1\"");
	expect_told("real", "false");
	ok(strstr(told("hooks"), "\"15-guard\":{\"outcome\":\"succeeded\"") &&
	   strstr(told("hooks"), "\"50-repair\":{\"outcome\":\"failed\",\"status\":3"),
	   "and tells how each ended");
	ok(!strcmp(state, scratch_read("state/state.json")), "the record of changes is as it was");
	equal(reseeds, 0, "nothing is reseeded");
	equal(told_waiting, 0, "what need not wait is not told to wait");
	request("{\"id\":\"a-2\",\"real\":false,\"hook\":\"50-repair\"}");
	advance();
	expect_ran("50:test:test:1 ", "one hook alone");
	expect_told("hook", "\"50-repair\"");
	request("{\"id\":\"a-3\",\"real\":false,\"hook\":\"50-other\"}");
	expect_ran("", "a hook that does not exist");
	expect_told("phase", "\"over\"");
	expect_told("refusal", "\"there is no such hook\"");
}

static void test_real(void)
{
	char state[1 << 14];

	clean();
	strcpy(state, scratch_read("state/state.json"));
	request("{\"id\":\"b-1\",\"real\":true,\"hook\":\"15-guard\"}");
	advance();
	expect_ran("15:changed:changed:1 ", "one hook in earnest");
	ok(!strcmp(state, scratch_read("state/state.json")), "is no change on record");
	request("{\"id\":\"b-2\",\"real\":true}");
	ok(strstr(scratch_read("state/state.json"), "\"run\":"), "a run in earnest is on record");
	expect_told("phase", "\"running\"");
	advance();
	expect_ran("15:changed:changed:1 50:changed:changed:1 ", "all hooks in earnest");
	expect_told("phase", "\"over\"");
	equal(reseeds, 1, "which reseeds");
	ok(!strstr(scratch_read("state/state.json"), "\"run\":") &&
	   strstr(scratch_read("state/state.json"), "\"event\":\"changed\""), "it is handled");
}

static void change(char letter)
{
	static uint64_t generation = 100;
	struct sighting sighting = sight(++generation, letter);

	notice(&sighting);
	advance();
	unlink(scratch_path("out-ran"));
}

/* Returns how many runs the history has. */
static int count_runs(void)
{
	const char *p;
	int n = 0;

	for (p = scratch_read("state/history"); (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

/* Is this in the run that finished last, as the file tells? */
static bool last_has(const char *file, const char *text)
{
	struct json_object *json = json_tokener_parse(scratch_read(file)), *last;
	bool has = json_object_object_get_ex(json, "last", &last) &&
		   strstr(json_object_to_json_string_ext(last, JSON_C_TO_STRING_PLAIN), text);

	json_object_put(json);
	return has;
}

static void test_failed(void)
{
	int runs;

	clean();
	hook("50-repair", "echo a secret; exit 3");
	change('E');
	ok(strstr(scratch_read("state/history"), "\"output\":\"a secret\""),
	   "the history has what a hook printed that failed");
	request("{\"id\":\"e-0\",\"real\":false,\"rerun\":\"failed\"}");
	advance();
	ok(strstr(told("hooks"), "\"failed\"") && !strstr(scratch_read("status.json"), "secret"),
	   "everybody's status has not");
	hook("50-repair", "printf \"50:$1:$VMGEN_EVENT:$2:$VMGEN_INTENT \" >>out-ran");
	hook("60-later", "printf \"60 \" >>out-ran");
	scratch_write("state/intent", "clone\n", 0600);
	runs = count_runs();
	request("{\"id\":\"e-1\",\"real\":false,\"rerun\":\"failed\"}");
	expect_told("rerun", "\"failed\"");
	advance();
	expect_ran("50:changed:changed:101: ", "what failed runs again, as then, and nothing else");
	expect_told("refusal", "\"\"");
	ok(strstr(told("hooks"), "50-repair") && !strstr(told("hooks"), "15-guard"), "which is told");
	ok(last_has(STATE, "\"50-repair\":{\"outcome\":\"succeeded\"") && last_has(STATE, "15-guard"),
	   "how it ends is on record");
	ok(last_has("status.json", "\"50-repair\":{\"outcome\":\"succeeded\"") &&
	   !last_has("status.json", "\"outcome\":\"failed\""), "and in the status");
	equal(count_runs(), runs, "it is no other run");
	ok(!strstr(strrchr(scratch_read("state/history"), '{'), "failed") &&
	   !strstr(scratch_read("state/history"), "a secret"), "the history has it, too");
	ok(!strcmp(scratch_read("state/intent"), "clone\n"), "what was said of the next change is kept");
	unlink(scratch_path("state/intent"));
	request("{\"id\":\"e-2\",\"real\":false,\"rerun\":\"failed\"}");
	expect_told("phase", "\"over\"");
	expect_told("refusal", "\"\"");
	expect_ran("", "what did not fail does not");
	reseeds = 0;
	repair.state.last.reseed_error = -EAGAIN;
	request("{\"id\":\"e-3\",\"real\":false,\"rerun\":\"failed\"}");
	equal(reseeds, 1, "a reseed that failed is tried again");
	ok(last_has(STATE, "\"reseed_errno\":0"), "and is on record");
}

static void test_clone(void)
{
	const char *now = "{\"id\":\"f-1\",\"real\":false,\"rerun\":\"clone\"}";

	clean();
	hook("60-id", "[ \"$VMGEN_INTENT\" = clone ] || exit 77; printf \"60:$1:$2:$VMGEN_INTENT \" >>out-ran; sleep 0.2");
	change('F');
	scratch_write("state/intent", "restore\n", 0600);
	request(now);
	ok(strstr(told("refusal"), "another intent"), "not against what was said of the next change");
	ok(!strcmp(scratch_read("state/intent"), "restore\n"), "which is kept");
	scratch_write("state/intent", "clone\n", 0600);
	request(now);
	ok(!last_has(STATE, "\"intent\":\"clone\""), "who is killed now can be asked again");
	advance();
	expect_ran("60:changed:102:clone ", "what waited for the intent runs with it");
	ok(last_has(STATE, "\"60-id\":{\"outcome\":\"succeeded\"") && last_has(STATE, "\"intent\":\"clone\"") &&
	   last_has(STATE, "\"50-repair\":{\"outcome\":\"failed\""), "that is on record, with the intent");
	ok(access(scratch_path("state/intent"), F_OK), "which is used up, too where it was said before");
	request(now);
	ok(strstr(told("refusal"), "used for the last change already"), "it is said once");
	request("{\"id\":\"f-2\",\"real\":false,\"rerun\":\"failed\"}");
	advance();
	expect_ran("50:changed:changed:102 ", "what failed besides runs on its own");
	scratch_write("state/intent", "restore\n", 0600);
	change('G');
	request(now);
	ok(strstr(told("refusal"), "used for the last change already"), "nor after another word");
	scratch_write("state/intent", "perhaps\n", 0600);
	change('K');
	ok(!last_has(STATE, "\"intent_unused\":\"\""), "what cannot be used is on record");
	unlink(scratch_path("state/intent"));
	request(now);
	advance();
	expect_ran("60:changed:104:clone ", "somebody has decided then");
	ok(last_has(STATE, "\"intent_unused\":\"\"") && last_has(STATE, "\"intent_from\":\"admin\""),
	   "and nothing is left to decide");
	unlink(scratch_path("hooks/60-id"));
	change('H');
	request(now);
	ok(strstr(told("refusal"), "no hook of the last run waited"), "and not for nothing");
	ok(!last_has(STATE, "\"intent\":\"clone\""), "then it is not used");
	expect_ran("", "nothing");
}

static void test_interrupted(void)
{
	struct sighting next = sight(200, 'I');

	clean();
	hook("60-id", "[ \"$VMGEN_INTENT\" = clone ] || exit 77; printf \"60:$2 \" >>out-ran; touch out-begun; sleep 0.2");
	hook("70-id", "[ \"$VMGEN_INTENT\" = clone ] || exit 77; printf \"70:$2 \" >>out-ran");
	change('J');
	request("{\"id\":\"g-1\",\"real\":false,\"rerun\":\"clone\"}");
	wait_for("out-begun");
	notice(&next);
	advance();
	expect_told("interrupted", "true");
	expect_ran("60:106 15:changed:changed:200 50:changed:changed:200 ",
		   "a change cuts it short, and knows nothing of its intent");
	ok(strstr(scratch_read("state/history"), "\"intent\":\"clone\"") &&
	   !last_has(STATE, "\"intent\":\"clone\""), "the run before it has that");
}

static void test_change_first(void)
{
	struct sighting second = sight(2, 'B'), third = sight(3, 'C');

	clean();
	scratch_write("hold", "", 0600);
	request("{\"id\":\"c-1\",\"real\":false}");
	notice(&second);
	ok(!repair.run, "a change waits for a hook of a drill");
	unlink(scratch_path("hold"));
	advance();
	expect_ran("15:test:test:1 15:changed:changed:2 50:changed:changed:2 ",
		   "and comes before the next one");
	expect_told("interrupted", "true");
	scratch_write("hold", "", 0600);
	notice(&third);
	request("{\"id\":\"c-2\",\"real\":false}");
	expect_told("phase", "\"waiting\"");
	unlink(scratch_path("hold"));
	advance();
	expect_ran("15:changed:changed:3 50:changed:changed:3 15:test:test:3 50:test:test:3 ",
		   "a drill waits for the hooks of a change");
	expect_told("interrupted", "false");
	ok(told_waiting > 0, "which is told");
	request("{\"id\":\"c-3\",\"real\":false,\"hook\":\"15-guard\"}");
	request("{\"id\":\"c-4\",\"real\":false,\"hook\":\"50-repair\"}");
	advance();
	expect_ran("15:test:test:3 50:test:test:3 ", "a drill waits for another");
	expect_told("id", "\"c-4\"");
}

static void test_bad_requests(void)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"id\":\"x\"}", "{\"real\":false}", "{\"id\":\"\",\"real\":false}",
		"{\"id\":\"x\",\"real\":1}", "{\"id\":\"../x\",\"real\":false}",
		"{\"id\":\"x\",\"real\":false,\"hook\":\"../../bin/sh\"}",
		"{\"id\":\"x\",\"real\":false,\"hook\":5}",
		"{\"id\":\"x\",\"real\":false,\"rerun\":true}",
		"{\"id\":\"x\",\"real\":false,\"rerun\":\"all\"}",
		"{\"id\":\"x\",\"real\":true,\"rerun\":\"failed\"}",
		"{\"id\":\"x\",\"real\":false,\"rerun\":\"failed\",\"hook\":\"15-guard\"}",
		"{\"id\":\"000000000000000000000000000000000\",\"real\":false}",
	};
	static const mode_t modes[] = { 0666, 0620, 0602 };
	size_t i;

	clean();
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		request(texts[i]);
		ok(drill.report.phase == DRILL_OVER && access(scratch_path("trigger"), F_OK) &&
		   !strcmp(drill.report.id, "c-4"), "not a request: %s", texts[i]);
	}
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		scratch_write("trigger", "{\"id\":\"x\",\"real\":false}", modes[i]);
		drill_request(&drill);
		ok(!strcmp(drill.report.id, "c-4"), "not what others could have written: %04o", modes[i]);
	}
	scratch_write("elsewhere", "{\"id\":\"x\",\"real\":false}", 0600);
	(void)!symlink("elsewhere", scratch_path("trigger"));
	drill_request(&drill);
	ok(!strcmp(drill.report.id, "c-4") && !access(scratch_path("elsewhere"), F_OK), "not through a link");
	drill_request(&drill);
	ok(!strcmp(drill.report.id, "c-4"), "a signal without a request");
	expect_ran("", "nothing");
}

static void test_start(void)
{
	struct sighting none = { .generation = 4 }, first = sight(5, 'K');

	clean();
	unlink(scratch_path("state/state.json"));
	begin(&first);
	advance();
	request("{\"id\":\"d-0\",\"real\":false,\"rerun\":\"clone\"}");
	expect_told("refusal", "\"there is no record of a change that was handled\"");
	end();
	scratch_write("trigger", "{\"id\":\"d-1\",\"real\":false}", 0600);
	begin(&none);
	advance();
	ok(access(scratch_path("trigger"), F_OK), "a request from before the start is dropped");
	expect_ran("", "nothing");
	request("{\"id\":\"d-2\",\"real\":true}");
	advance();
	expect_told("refusal", "\"the host provides no ID\"");
	expect_ran("", "without an ID, in earnest");
	request("{\"id\":\"d-2\",\"real\":false,\"rerun\":\"failed\"}");
	expect_told("refusal", "\"the host provides no ID\"");
	request("{\"id\":\"d-3\",\"real\":false}");
	advance();
	expect_ran("15:test:test:4 50:test:test:4 ", "without an ID, a drill");
	clean_hooks();
	request("{\"id\":\"d-4\",\"real\":false}");
	expect_told("phase", "\"over\"");
	expect_told("hooks", "{}");
}

int main(void)
{
	struct sighting first = sight(1, 'A');

	rig_create();
	/* The repair takes it. */
	close(lock_fd);
	free(config.intent_file);
	config.intent_file = strdup(scratch_path("intent"));
	clean();
	begin(&first);
	reseeds = 0;
	test_drill();
	test_real();
	test_change_first();
	test_bad_requests();
	test_failed();
	test_clone();
	test_interrupted();
	end();
	test_start();
	end();
	config_clear(&config);
	return tap_done();
}
