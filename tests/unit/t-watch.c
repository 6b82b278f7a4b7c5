/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is concluded at the start from the record and the device.
 */
#include <errno.h>
#include <string.h>

#include "tap.h"
#include "watch.h"

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
		got = watch_decide(e->load, &state, &sighting, here);
		ok(got == e->want, "%s: %s", e->what, event_name(got));
	}
	state = (struct state){ .handled = "a" };
	sighting = (struct sighting){ .has_id = true, .id_hash = "b" };
	equal(watch_decide(0, &state, &sighting, ""), EVENT_BOOT_CHANGED,
	      "an unknown boot is another one");
	sighting.changed_here = true;
	equal(watch_decide(0, &state, &sighting, here), EVENT_CHANGED,
	      "cloned in this boot before vmgend was started");
	strcpy(state.boot_id, before);
	strcpy(state.run.id_hash, "b");
	state.run.event = EVENT_CHANGED;
	equal(watch_decide(0, &state, &sighting, here), EVENT_CHANGED,
	      "and with an unfinished run for this ID");
	return tap_done();
}
