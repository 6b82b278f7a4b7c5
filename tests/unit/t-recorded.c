/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl forget, intent and history on records of every kind: the exit status is the answer,
 * and what a refusal leaves is what was there.
 */
#include "asked.h"

#include <sys/mman.h>
#include <sys/syscall.h>

/* What was written to the disk; of all processes of this test. */
static struct { int files, directories; } *synced;

/* Instead of libc's. */
int fsync(int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		synced->directories++;
	else
		synced->files++;
	return syscall(SYS_fsync, fd);
}

static void forget_synced(void)
{
	synced->files = synced->directories = 0;
}

#define HASH	"0123456789012345678901234567890123456789012345678901234567890123"
#define RUN	"{\"id_hash\":\"" HASH "\",\"event\":\"changed\",\"hint\":\"unknown\",\"intent\":\"clone\"," \
		"\"intent_from\":\"admin\",\"name\":\"\",\"intent_unused\":\"\",\"source\":\"vmgenid\",\"generation\":7," \
		"\"detected_usec\":1000000,\"finished_usec\":3500000,\"detected_boottime_usec\":1000000," \
		"\"finished_boottime_usec\":3500000,\"reseed_errno\":0,\"seed_errno\":0,\"incomplete\":false," \
		"\"shutdown\":\"\",\"counter\":\"\",\"skipped\":false,\"hooks\":{" \
		"\"10-on\":{\"outcome\":\"succeeded\",\"status\":0,\"duration_ms\":1500}," \
		"\"80-bad\":{\"outcome\":\"failed\",\"status\":3,\"duration_ms\":7}}}"

static bool is_there(const char *name)
{
	return !access(scratch_path("%s", name), F_OK);
}

static void remember(const char *members)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"version\":1%s}", members);
	scratch_write("state/state.json", text, 0600);
}

static void test_forget(void)
{
	char before[4 * PATH_MAX];

	remember("");
	scratch_write("state/intent", "clone\n", 0600);
	forget_synced();
	expect("forget", CTL_OK, "");
	equal(synced->directories, 2, "each removal is on the disk");
	ok(!is_there("state/state.json") && !is_there("state/intent"), "record and intent are gone");
	remember(",\"run\":" RUN);
	scratch_write("state/intent", "clone\n", 0600);
	expect("forget", CTL_NOT_HANDLED, "a change is not handled yet: ");
	ok(is_there("state/state.json") && is_there("state/intent"), "both stay");
	scratch_write("state/state.json", "{", 0600);
	expect("forget", CTL_OK, "");
	ok(!is_there("state/state.json"), "a record that nobody can read is forgotten, too");
	scratch_mkdir("state/fence", 0700);
	scratch_write("state/fence/web.service", "why\n", 0600);
	expect("forget", CTL_OK, "web.service stays fenced, in every copy (vmgenctl fence lift web.service)\n");
	ok(is_there("state/fence/web.service"), "it does");
	unlink(scratch_path("state/fence/web.service"));
	snprintf(before, sizeof(before), "%s", scratch_read("conf"));
	scratch_write("conf", "[vmgend]\nnonsense=1\n", 0644);
	remember("");
	expect("forget", CTL_FAILED, "unknown key \"nonsense\"");
	ok(says("; if it names another intent-file than "), "it says what was not looked for");
	ok(!is_there("state/state.json"), "a mistake in the configuration leaves no record in an image");
	scratch_write("conf", before, 0644);
}

static void test_intent(void)
{
	remember("");
	expect("intent show", CTL_OK, "none\n");
	forget_synced();
	expect("intent clone", CTL_OK, "");
	ok(!strcmp(scratch_read("state/intent"), "clone\n"), "it is written down");
	ok(synced->files == 1 && synced->directories == 1, "and on the disk");
	expect("intent show", CTL_OK, "clone\n");
	forget_synced();
	expect("intent clear", CTL_OK, "");
	ok(!is_there("state/intent"), "it is dropped");
	equal(synced->directories, 1, "on the disk as well");
	scratch_write("state/intent", "clown\n", 0600);
	expect("intent show", CTL_FAILED, "must hold one line, \"clone\" or \"restore\"");
	scratch_write("state/intent", "clone\n", 0620);
	expect("intent show", CTL_FAILED, "can be changed by others than root (chown root, chmod go-w)");
	scratch_write("state/intent", "clone\n", 0600);
	unlink(scratch_path("state/state.json"));
	expect("intent show", CTL_FAILED, "vmgend has no usable record, and drops this intent");
	expect("intent restore", CTL_FAILED, "the intent was not recorded: ");
	ok(!strcmp(scratch_read("state/intent"), "clone\n"), "what was there stays");
}

/* vmgend died before it could remove what it had used. */
static void test_spent_intent(void)
{
	remember(",\"intent_spent\":true");
	scratch_write("state/intent", "clone\n", 0600);
	expect("intent show", CTL_OK, "none\n");
	expect("intent restore", CTL_OK, "");
	ok(!strstr(scratch_read("state/state.json"), "intent_spent"), "the one before is off the record");
	expect("intent show", CTL_OK, "restore\n");
	expect("intent clear", CTL_OK, "");
}

static void test_history(void)
{
	expect("history", CTL_OK, "");
	ok(!*scratch_read("out"), "there is none");
	scratch_write("state/history", RUN "\n", 0600);
	expect("history", CTL_OK, "changed: generation 7 by vmgenid, handled in 2.5 s\n");
	ok(says("    looks like: unknown; declared intent: clone") && says("    hooks: 2, failed: 1; ") &&
	   says("    80-bad: failed\n") && !says("10-on"), "what failed is named");
	expect("history --json", CTL_OK, "\"generation\":7");
	scratch_write("state/history", RUN "\n{}\n", 0600);
	expect("history", CTL_FAILED, "state/history is damaged; move it away\n");
	ok(!says("generation 7"), "and nothing of it is told");
	(void)!chown(scratch_path("state/history"), 65534, 65534);
	expect("history", CTL_NO_RIGHTS, "state: Operation not permitted");
	unlink(scratch_path("state/history"));
}

int main(void)
{
	synced = mmap(NULL, sizeof(*synced), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	asked_create();
	if (synced == MAP_FAILED)
		scratch_give_up("memory");
	scratch_mkdir("state", 0700);
	test_forget();
	test_intent();
	test_spent_intent();
	test_history();
	return tap_done();
}
