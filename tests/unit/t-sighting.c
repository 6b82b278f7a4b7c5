/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is concluded at the start from the record and the device.
 */
#include <errno.h>
#include <string.h>

#include "tap.h"
#include "witness/sighting.h"

static const char here[] = "11111111-1111-1111-1111-111111111111";
static const char before[] = "22222222-2222-2222-2222-222222222222";

/* Hashes by one letter; NULL: none. */
struct example {
	const char *what;
	int load;
	const char *boot, *handled, *run, *seen;
	enum event run_event, want;
};

static void fill(char hash[HASH_SIZE], const char *letter)
{
	if (!letter)
		return;
	memset(hash, *letter, HASH_SIZE - 1);
	hash[HASH_SIZE - 1] = '\0';
}

static const struct example examples[] = {
	{ "first start", -ENOENT, here, NULL, NULL, "a", EVENT_NONE, EVENT_ADOPTED },
	{ "damaged record", -EBADMSG, here, NULL, NULL, "a", EVENT_NONE, EVENT_UNKNOWN },
	{ "record cannot be read", -EIO, here, NULL, NULL, "a", EVENT_NONE, EVENT_UNKNOWN },
	{ "nothing happened", 0, here, "a", NULL, "a", EVENT_NONE, EVENT_NONE },
	{ "rebooted, nothing happened", 0, before, "a", NULL, "a", EVENT_NONE, EVENT_NONE },
	{ "daemon was stopped", 0, here, "a", NULL, "b", EVENT_NONE, EVENT_CHANGED },
	{ "system was down", 0, before, "a", NULL, "b", EVENT_NONE, EVENT_BOOT_CHANGED },
	{ "record is empty", 0, here, NULL, NULL, "b", EVENT_NONE, EVENT_ADOPTED },
	{ "unfinished run", 0, here, "a", "b", "b", EVENT_CHANGED, EVENT_CHANGED },
	{ "unfinished run, rebooted", 0, before, "a", "b", "b", EVENT_CHANGED, EVENT_BOOT_CHANGED },
	{ "unfinished start", 0, here, "a", "b", "b", EVENT_BOOT_CHANGED, EVENT_BOOT_CHANGED },
	{ "unfinished unknown", 0, before, NULL, "b", "b", EVENT_UNKNOWN, EVENT_UNKNOWN },
	{ "unfinished adoption", 0, before, NULL, "b", "b", EVENT_ADOPTED, EVENT_ADOPTED },
	{ "unfinished run, changed again", 0, here, "a", "b", "c", EVENT_CHANGED, EVENT_CHANGED },
	{ "the same, rebooted", 0, before, "a", "b", "c", EVENT_CHANGED, EVENT_BOOT_CHANGED },
	{ "unfinished run, back to the old ID", 0, here, "a", "b", "a", EVENT_CHANGED, EVENT_CHANGED },
	{ "unfinished adoption, changed", 0, here, NULL, "b", "c", EVENT_ADOPTED, EVENT_CHANGED },
	{ "no ID", 0, here, "a", NULL, NULL, EVENT_NONE, EVENT_NONE },
};

/* Without the module IDs are made up for one boot. */
struct made_up {
	const char *what;
	enum witness_kind source;
	const char *boot, *last, *last_source, *run, *run_source, *seen;
	bool changed_here;
	enum event run_event, want;
	bool resumes;
};

static const struct made_up made_up[] = {
	{ "log: nothing is known", WITNESS_KMSG, here, "a", "kmsg", NULL, "", "b", false, EVENT_NONE, EVENT_NONE, false },
	{ "log: rebooted", WITNESS_KMSG, before, "a", "kmsg", NULL, "", "b", false, EVENT_NONE, EVENT_NONE, false },
	{ "log: a line came", WITNESS_KMSG, here, "a", "kmsg", NULL, "", "b", true, EVENT_NONE, EVENT_CHANGED, false },
	{ "log: unfinished run", WITNESS_KMSG, here, "a", "kmsg", "c", "kmsg", "b", false, EVENT_CHANGED, EVENT_CHANGED, true },
	{ "log: the same, rebooted", WITNESS_KMSG, before, "a", "kmsg", "c", "kmsg", "b", false, EVENT_CHANGED, EVENT_BOOT_CHANGED, true },
	{ "log: unfinished run of the module", WITNESS_KMSG, here, NULL, "", "c", "vmgenid", "b", false, EVENT_CHANGED, EVENT_CHANGED, true },
	{ "log: unfinished run, and a line came", WITNESS_KMSG, here, "a", "kmsg", "c", "kmsg", "b", true, EVENT_CHANGED, EVENT_CHANGED, false },
	{ "counter: nothing happened", WITNESS_VMCLOCK, here, "a", "vmclock", NULL, "", "a", false, EVENT_NONE, EVENT_NONE, false },
	{ "counter: moved", WITNESS_VMCLOCK, here, "a", "vmclock", NULL, "", "b", false, EVENT_NONE, EVENT_CHANGED, false },
	{ "counter of the module: handled", WITNESS_COUNTER, here, "b", "counter", NULL, "", "b", true, EVENT_NONE, EVENT_NONE, false },
	{ "counter of the module: moved", WITNESS_COUNTER, here, "a", "counter", NULL, "", "b", true, EVENT_NONE, EVENT_CHANGED, false },
	{ "counter of the module: moved since the boot", WITNESS_COUNTER, before, "a", "counter", NULL, "", "b", true, EVENT_NONE, EVENT_CHANGED, false },
	{ "counter of the module: rebooted", WITNESS_COUNTER, before, "a", "counter", NULL, "", "b", false, EVENT_NONE, EVENT_ADOPTED, false },
	{ "counter of the module: loaded anew", WITNESS_COUNTER, here, "a", "counter", NULL, "", "b", false, EVENT_NONE, EVENT_ADOPTED, false },
	{ "counter of the module: loaded anew, and moved", WITNESS_COUNTER, here, "a", "counter", NULL, "", "b", true, EVENT_NONE, EVENT_CHANGED, false },
	{ "counter of the module: loaded anew, unfinished run", WITNESS_COUNTER, here, "a", "counter", "c", "counter", "b", false, EVENT_CHANGED, EVENT_CHANGED, true },
	{ "counter of the module: loaded anew, unfinished adoption", WITNESS_COUNTER, here, "a", "counter", "c", "counter", "b", false, EVENT_ADOPTED, EVENT_ADOPTED, true },
	{ "counter: rebooted", WITNESS_VMCLOCK, before, "a", "vmclock", NULL, "", "b", false, EVENT_NONE, EVENT_ADOPTED, false },
	{ "counter: after the module", WITNESS_VMCLOCK, here, "a", "vmgenid", NULL, "", "b", false, EVENT_NONE, EVENT_ADOPTED, false },
	{ "counter: unfinished run", WITNESS_VMCLOCK, here, "a", "vmclock", "b", "vmclock", "b", false, EVENT_CHANGED, EVENT_CHANGED, true },
	{ "counter: the same, and moved", WITNESS_VMCLOCK, here, "a", "vmclock", "b", "vmclock", "c", false, EVENT_CHANGED, EVENT_CHANGED, false },
	{ "counter: unfinished run, rebooted", WITNESS_VMCLOCK, before, "a", "vmclock", "b", "vmclock", "c", false, EVENT_CHANGED, EVENT_BOOT_CHANGED, true },
	{ "counter: unfinished run of the log", WITNESS_VMCLOCK, here, "a", "kmsg", "b", "kmsg", "c", false, EVENT_CHANGED, EVENT_CHANGED, true },
};

static void test_made_up(void)
{
	const struct made_up *e;
	struct sighting sighting;
	struct state state;
	enum event got;
	size_t i;

	for (i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
		e = &made_up[i];
		state = (struct state){ .run.event = e->run_event };
		strcpy(state.boot_id, e->boot);
		/* What the module's device showed stays on record. */
		fill(state.handled, "z");
		fill(state.last.id_hash, e->last);
		strcpy(state.last.source, e->last_source);
		fill(state.run.id_hash, e->run);
		strcpy(state.run.source, e->run_source);
		sighting = (struct sighting){
			.source = e->source, .has_id = true, .made_up = true, .changed_here = e->changed_here,
		};
		fill(sighting.id_hash, e->seen);
		got = sighting_decide(0, &state, &sighting, here);
		ok(got == e->want, "%s: %s", e->what, event_name(got));
		ok(sighting_resumes(&state, &sighting, here) == e->resumes, "%s: resumed or not", e->what);
	}
}

static void test_continue(void)
{
	struct state state = {
		.last = { .id_hash = "a", .source = "kmsg", .generation = 812 },
	};
	struct sighting sighting = { .source = WITNESS_KMSG, .made_up = true, .generation = 1 };

	sighting_continue(&state, here, &sighting);
	equal(sighting.generation, 1, "lines of another boot do not count");
	strcpy(state.boot_id, here);
	sighting_continue(&state, here, &sighting);
	equal(sighting.generation, 812, "those of this one do");
	sighting.generation = 900;
	sighting.changed_here = true;
	sighting_continue(&state, here, &sighting);
	equal(sighting.generation, 900, "a new one counts more");
}

int main(void)
{
	const struct example *e;
	struct sighting sighting;
	struct state state;
	enum event got;
	size_t i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		e = &examples[i];
		state = (struct state){ .run.event = e->run_event };
		strcpy(state.boot_id, e->boot);
		fill(state.handled, e->handled);
		fill(state.run.id_hash, e->run);
		sighting = (struct sighting){ .has_id = e->seen != NULL };
		fill(sighting.id_hash, e->seen);
		got = sighting_decide(e->load, &state, &sighting, here);
		ok(got == e->want, "%s: %s", e->what, event_name(got));
	}
	state = (struct state){ .handled = "a" };
	sighting = (struct sighting){ .has_id = true, .id_hash = "b" };
	equal(sighting_decide(0, &state, &sighting, ""), EVENT_BOOT_CHANGED,
	      "an unknown boot is another one");
	sighting.changed_here = true;
	equal(sighting_decide(0, &state, &sighting, here), EVENT_CHANGED,
	      "cloned in this boot before vmgend was started");
	strcpy(state.boot_id, before);
	strcpy(state.run.id_hash, "b");
	state.run.event = EVENT_CHANGED;
	equal(sighting_decide(0, &state, &sighting, here), EVENT_CHANGED,
	      "and with an unfinished run for this ID");
	test_made_up();
	test_continue();
	return tap_done();
}
