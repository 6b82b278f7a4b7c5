/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the host is told of a run, as JSON and as a notification; and where it wants to be
 * told, as addresses and as ports.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "base/json.h"
#include "courier/hostreport.h"
#include "courier/notifysocket.h"
#include "courier/serialport.h"
#include "scratch.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static const char *line_of(const struct record *run, const char *hash, bool ended)
{
	static char line[HOSTREPORT_SIZE];
	const struct hostreport report = { .run = run, .id_hash = hash, .ended = ended };

	if (hostreport_line(&report, line))
		scratch_give_up("line");
	return line;
}

static void told(const struct record *run, bool ended, const char *outcome, const char *name)
{
	const char *line = line_of(run, HASH, ended);
	char text[64];

	snprintf(text, sizeof(text), "\"outcome\":\"%s\"", outcome);
	if (!ok(strstr(line, text), "%s: %s", name, outcome))
		printf("# %s", line);
}

static void add(struct record *run, const char *hook, enum outcome outcome)
{
	struct hook_result result = { .outcome = outcome };

	snprintf(result.name, sizeof(result.name), "%s", hook);
	if (record_set_result(run, &result))
		scratch_give_up("result");
}

static void test_outcomes(void)
{
	struct record run = { .id_hash = HASH, .event = EVENT_CHANGED };

	told(&run, true, "repaired", "a run without hooks");
	add(&run, "10-x", OUTCOME_NOT_APPLICABLE);
	told(&run, true, "repaired", "one where nothing applied");
	run.reseed_error = -ENODATA;
	told(&run, true, "repaired", "a generator that was never seeded");
	run.reseed_error = -EPERM;
	told(&run, true, "failed", "one that did not reseed");
	run.reseed_error = 0;
	run.skipped = true;
	told(&run, true, "skipped", "by the boot policy");
	run.incomplete = true;
	told(&run, true, "failed", "hooks may be missing");
	run.incomplete = run.skipped = false;
	strcpy(run.intent_unused, "two say different things");
	told(&run, true, "failed", "what was said was not used");
	*run.intent_unused = '\0';
	run.event = EVENT_UNKNOWN;
	told(&run, true, "failed", "a record that cannot be read");
	run.event = EVENT_ADOPTED;
	told(&run, true, "adopted", "a first start");
	add(&run, "60-x", OUTCOME_TIMED_OUT);
	told(&run, true, "failed", "a copy of an image whose hook failed");
	told(&run, false, "unchanged", "nothing has changed");
	record_clear(&run);
}

static void test_line(void)
{
	static const char whole[] =
		"{\"vmgen\":1,\"event\":\"changed\",\"outcome\":\"failed\",\"id_hash\":\"" HASH "\","
		"\"intent\":\"clone\",\"name\":\"web-3\",\"failed\":[\"60-x\",\"80-y\"],\"failures\":2,"
		"\"detected_usec\":5,\"finished_usec\":7}\n";
	static const char other[] =
		"{\"vmgen\":1,\"event\":\"none\",\"outcome\":\"unchanged\",\"id_hash\":\"" OTHER "\","
		"\"intent\":\"\",\"name\":\"\",\"failed\":[],\"failures\":0,"
		"\"detected_usec\":0,\"finished_usec\":0}\n";
	static const char lines[] =
		"X_VMGEN=1\nX_VMGEN_EVENT=changed\nX_VMGEN_OUTCOME=failed\nX_VMGEN_ID_HASH=" HASH "\n"
		"X_VMGEN_INTENT=clone\nX_VMGEN_NAME=web-3\nX_VMGEN_FAILED=60-x 80-y\n"
		"X_VMGEN_FAILURES=2\nX_VMGEN_DETECTED_USEC=5\nX_VMGEN_FINISHED_USEC=7\n";
	struct record run = {
		.id_hash = HASH, .event = EVENT_CHANGED, .intent = "clone", .name = "web-3",
		.detected_usec = 5, .finished_usec = 7,
	};
	const struct hostreport report = { .run = &run, .id_hash = HASH, .ended = true };
	char text[HOSTREPORT_SIZE];

	add(&run, "10-w", OUTCOME_SUCCEEDED);
	add(&run, "60-x", OUTCOME_FAILED);
	add(&run, "80-y", OUTCOME_LOST);
	if (!ok(!strcmp(line_of(&run, HASH, true), whole), "a line has all of it"))
		printf("# %s", line_of(&run, HASH, true));
	if (!ok(!hostreport_notification(&report, text) && !strcmp(text, lines),
		"and so has a notification"))
		printf("# %s", text);
	ok(strstr(line_of(&run, HASH, false), "\"failed\":[\"60-x\",\"80-y\"]") &&
	   strstr(line_of(&run, HASH, false), "\"event\":\"none\""),
	   "at a start without a change the run of this ID says what failed");
	if (!ok(!strcmp(line_of(&run, OTHER, false), other), "that of another ID says nothing"))
		printf("# %s", line_of(&run, OTHER, false));
	ok(strstr(line_of(&run, "", false), "\"id_hash\":\"\",\"intent\":\"\""),
	   "nor does any where there is no ID");
	record_clear(&run);
}

static void test_many(void)
{
	struct record run = { .id_hash = HASH, .event = EVENT_CHANGED };
	struct json_object *json, *failed;
	char hook[NAME_MAX + 1], text[HOSTREPORT_SIZE];
	uint64_t failures;
	const char *line;
	int i;

	for (i = 0; i < 99; i++) {
		snprintf(hook, sizeof(hook), "%02d-%0252d", i, 0);
		add(&run, hook, OUTCOME_FAILED);
	}
	line = line_of(&run, HASH, true);
	json = json_parse(line);
	ok(json && strlen(line) < HOSTREPORT_SIZE && line[strlen(line) - 1] == '\n',
	   "a line of very many hooks is whole");
	ok(json && json_object_object_get_ex(json, "failed", &failed) &&
	   json_object_array_length(failed) == 11, "it names those that it has room for");
	ok(json && !json_get_number(json, "failures", &failures) && failures == 99,
	   "and counts all");
	json_object_put(json);
	ok(!hostreport_notification(&(struct hostreport){ .run = &run, .id_hash = HASH, .ended = true },
				    text) && strstr(text, "\nX_VMGEN_FINISHED_USEC=0\n"),
	   "so does a notification");
	record_clear(&run);
}

static void test_addresses(void)
{
	static const struct {
		const char *text;
		unsigned int cid, port;
		int type;
	} good[] = {
		{ "vsock:2:9999", 2, 9999, 0 },
		{ "vsock:host:0x10", 2, 16, 0 },
		{ "vsock-stream:local:1", 1, 1, SOCK_STREAM },
		{ "vsock-seqpacket:hypervisor:4294967294", 0, 4294967294U, SOCK_SEQPACKET },
		{ "vsock-dgram:4294967294:0", 4294967294U, 0, SOCK_DGRAM },
	};
	static const char *const bad[] = {
		"", "vsock", "vsock:", "vsock:2", "vsock:2:", "vsock::9999", "vsock:any:1", "vsock:-1:1",
		"vsock:2:any", "vsock:2:4294967295", "vsock:4294967295:1", "vsock:2:99999999999999999999",
		"vsock:2:1x", "vsock: 2:1", "vsock:2: 1", "vsock:2:1:1", "vsock-raw:2:1", "/run/notify",
		"@notify", "vsock-stream", "vsock:hostess:1",
	};
	struct notifysocket address = { 0 };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(!notifysocket_parse(good[i].text, &address) && address.cid == good[i].cid &&
		   address.port == good[i].port && address.type == good[i].type, "%s", good[i].text);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(notifysocket_parse(bad[i], &address) == -EINVAL && address.cid == 4294967294U,
		   "no address: \"%s\"", bad[i]);
}

static int open_port(void)
{
	char path[SERIALPORT_PATH_SIZE];
	int fd = -1, r;

	r = serialport_open(scratch_path("ports"), scratch_path("dev"), path, &fd);
	if (!r)
		close(fd);
	return r;
}

static void test_ports(void)
{
	equal(open_port(), -ENOENT, "a machine without ports");
	scratch_mkdir("ports", 0755);
	scratch_mkdir("dev", 0755);
	equal(open_port(), -ENOENT, "one that lists none");
	scratch_mkdir("ports/vport0p1", 0755);
	scratch_write("ports/vport0p1/dev", "1:3\n", 0444);
	equal(open_port(), -ENOENT, "a port without a name");
	scratch_write("ports/vport0p1/name", "org.vmgen.01\n", 0444);
	equal(open_port(), -ENOENT, "one with another name");
	scratch_write("ports/vport0p1/name", "org.vmgen.0\n", 0444);
	equal(open_port(), -ENODEV, "one that has no node yet");
	scratch_write("dev/vport0p1", "", 0600);
	equal(open_port(), -ENXIO, "a file in its place");
	equal(unlink(scratch_path("dev/vport0p1")), 0, "is removed");
	if (symlink("/dev/null", scratch_path("dev/vport0p1")))
		scratch_give_up("link");
	equal(open_port(), -ENXIO, "a link in its place");
	unlink(scratch_path("dev/vport0p1"));
	if (mknod(scratch_path("dev/vport0p1"), S_IFCHR | 0600, makedev(1, 5)))
		scratch_give_up("node");
	equal(open_port(), -ENXIO, "another device in its place");
	unlink(scratch_path("dev/vport0p1"));
	if (mknod(scratch_path("dev/vport0p1"), S_IFCHR | 0600, makedev(1, 3)))
		scratch_give_up("node");
	scratch_write("ports/vport0p1/dev", "1:3\n", 0444);
	scratch_mkdir("ports/vport0p2", 0755);
	scratch_write("ports/vport0p2/name", "org.qemu.guest_agent.0\n", 0444);
	equal(open_port(), 0, "its own, beside another one");
}

int main(void)
{
	scratch_create();
	test_outcomes();
	test_line();
	test_many();
	test_addresses();
	test_ports();
	return tap_done();
}
