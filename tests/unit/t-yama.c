/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check says of fork sentinels.
 */
#include <string.h>

#include "base/json.h"
#include "ctl/check/finding.h"
#include "record/record.h"
#include "scratch.h"
#include "tap.h"

static struct ctl ctl;

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* counts: NULL: nothing is known of the last change. */
static void expect(const char *scope, const uint32_t counts[TALLY_KINDS], const char *state,
		   const char *text)
{
	struct record run = { .event = EVENT_CHANGED, .id_hash = HASH, .hint = "unknown" };
	struct findings findings = { .list = json_object_new_array() };
	struct view view = { .last = NULL };
	const char *got;

	if (counts)
		memcpy(run.sentinels.counts, counts, sizeof(run.sentinels.counts));
	run.sentinels.known = counts;
	view.last = record_to_json(&run, RECORD_PUBLIC);
	scratch_write("proc/sys/kernel/yama/ptrace_scope", scope, 0644);
	check_sentinels(&ctl, &view, scratch_path("proc"), &findings);
	got = json_object_to_json_string_ext(findings.list, JSON_C_TO_STRING_PLAIN);
	if (!ok(*text ? strstr(got, text) && strstr(got, state) : !strcmp(got, "[]"), "%s: %s",
		state, text))
		printf("# %s\n", got);
	json_object_put(findings.list);
	json_object_put(view.last);
}

/* word: of fork-sentinels. */
static void configure(const char *word)
{
	char text[PATH_MAX];

	snprintf(text, sizeof(text), "[vmgend]\nhook-path=%s\n%s%s\n", scratch_path("hooks"),
		 *word ? "fork-sentinels=" : "", word);
	scratch_write("conf", text, 0644);
}

static void zeroes(const char *word, const char *scope, bool expected)
{
	configure(word);
	scratch_write("proc/sys/kernel/yama/ptrace_scope", scope, 0644);
	ok(sentinels_are_zeroed(&ctl, scratch_path("proc")) == expected,
	   "fork-sentinels=%s, scope %.1s: %d", word, scope, expected);
}

int main(void)
{
	static const uint32_t good[TALLY_KINDS] = { [TALLY_ZEROED] = 3, [TALLY_AWARE] = 1 };
	static const uint32_t bad[TALLY_KINDS] = { [TALLY_BLOCKED] = 2 };

	scratch_create();
	scratch_mkdir("proc", 0755);
	scratch_mkdir("proc/sys", 0755);
	scratch_mkdir("proc/sys/kernel", 0755);
	scratch_mkdir("proc/sys/kernel/yama", 0755);
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("proc/self", 0755);
	scratch_write("proc/self/smaps", "", 0444);
	ctl.config = strdup(scratch_path("conf"));
	zeroes("", "1\n", true);
	zeroes("yes", "2\n", true);
	zeroes("yes", "3\n", false);
	zeroes("no", "1\n", false);
	zeroes("perhaps", "1\n", false);
	unlink(scratch_path("proc/self/smaps"));
	zeroes("yes", "1\n", false);
	expect("1\n", NULL, "warning", "CONFIG_PROC_PAGE_MONITOR");
	scratch_write("proc/self/smaps", "", 0444);
	configure("no");
	expect("3\n", NULL, "", "");
	configure("yes");
	expect("1\n", NULL, "", "");
	expect("3\n", NULL, "warning", "ptrace_scope is 3");
	expect("2\n", NULL, "", "");
	expect("1\n", good, "\"ok\"", "zeroed: 3; left to \\/dev\\/sysgenid: 1");
	expect("1\n", bad, "warning", "zeroed: 0; given up, as the process held the look up: 2");
	expect("3\n", good, "warning", "ptrace_scope is 3");
	return tap_done();
}
