/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The mark of an image through whole runs: a copy takes another identity, once, and
 * nobody else does.
 */
#include "record/imagefile.h"
#include "starts.h"

static void machine_address(char letter)
{
	char text[64];

	snprintf(text, sizeof(text), "52:54:00:00:00:0%c\n", letter);
	scratch_write("sys/class/net/eth0/address", text, 0444);
}

static void machine(char letter)
{
	char text[64];

	snprintf(text, sizeof(text), "0a1b2c3d-0000-4000-8000-00000000000%c\n", letter);
	scratch_write("sys/class/dmi/id/product_uuid", text, 0400);
	machine_address(letter);
}

/* As vmgenctl image prepare, on the machine a with the ID A, or with none. */
static void prepare(bool has_id)
{
	struct sighting sighting = sight('A');
	struct image image = { .id_hash = "" };
	int fd;

	machine('a');
	machine_look(config.sysfs, &image.machine);
	if (has_id)
		strcpy(image.id_hash, sighting.id_hash);
	if (state_open(config.state_dir, &fd) || state_forget(fd) || image_write(fd, &image))
		scratch_give_up("image");
	close(fd);
	unlink(scratch_path("state/intent"));
}

static bool is_marked(void)
{
	return !access(scratch_path("state/image"), F_OK);
}

static void expect(const char *name, enum event event, const char *hint, const char *intent,
		   bool marked)
{
	struct state state = read_state();
	const struct record *last = &state.last;

	if (!ok(last->event == event && !strcmp(last->hint, hint) && !strcmp(last->intent, intent) &&
		is_marked() == marked && !state.image_spent,
		"%s: %s, hint %s, intent \"%s\", the mark %s", name, event_name(event), hint, intent,
		marked ? "stays" : "is gone"))
		printf("# %s %s \"%s\" \"%s\" %d\n", event_name(last->event), last->hint, last->intent,
		       last->intent_unused, is_marked());
	state_clear(&state);
}

static void test_copies(void)
{
	machine('a');
	start('A');
	expect("a first installation", EVENT_ADOPTED, "unknown", "", false);
	prepare(true);
	start('A');
	expect("the original, booted again", EVENT_ADOPTED, "rollback", "", true);
	ok(!told_others, "nobody is told of that");
	reboot();
	start('A');
	expect("and again", EVENT_ADOPTED, "rollback", "", true);
	reboot();
	machine('b');
	start('B');
	expect("a copy of it as it is now", EVENT_BOOT_CHANGED, "clone", "clone", false);
	reboot();
	machine('c');
	start('C');
	expect("a copy of the copy", EVENT_BOOT_CHANGED, "clone", "", false);
	prepare(true);
	machine('b');
	order[0] = '\0';
	start('B');
	expect("a copy at its first boot", EVENT_ADOPTED, "clone", "clone", false);
	ok(!strncmp(order, "sync state sync unlink sync sync state sync ", 44),
	   "it is on disk as used before it is removed");
	ok(told_others, "others are told that this is a clone");
	prepare(false);
	start('A');
	expect("a copy of what had no ID, on no other machine", EVENT_ADOPTED, "rollback", "clone", true);
	prepare(false);
	machine('b');
	start('B');
	expect("on another one", EVENT_ADOPTED, "clone", "clone", false);
}

static void test_original(void)
{
	prepare(true);
	start('B');
	expect("the original on a host with a new ID at each boot: hooks see the hint", EVENT_ADOPTED,
	       "rollback", "clone", true);
	ok(!told_others, "nobody else is told");
	reboot();
	start('C');
	expect("the next such boot", EVENT_BOOT_CHANGED, "rollback", "clone", true);
	scratch_write("sys/class/net/eth0/address", "\n", 0444);
	reboot();
	start('F');
	expect("one before any driver of a network card", EVENT_BOOT_CHANGED, "rollback", "clone", true);
	machine_address('a');
	scratch_mkdir("sys/class/net/eth1", 0755);
	scratch_mkdir("sys/class/net/eth1/device", 0755);
	scratch_write("sys/class/net/eth1/addr_assign_type", "0\n", 0444);
	scratch_write("sys/class/net/eth1/address", "52:54:00:00:00:0f\n", 0444);
	reboot();
	start('G');
	expect("one with a network card more", EVENT_BOOT_CHANGED, "rollback", "clone", true);
	unlink(scratch_path("sys/class/net/eth1/address"));
	scratch_write("sys/class/dmi/id/product_uuid", "\n", 0400);
	reboot();
	start('E');
	expect("one without a UUID", EVENT_BOOT_CHANGED, "rollback", "clone", true);
	start('D');
	expect("a change while it is up", EVENT_CHANGED, "unknown", "", true);
	prepare(true);
	machine('b');
	start('A');
	expect("another machine with the ID of the original", EVENT_ADOPTED, "clone", "", true);
	reboot();
	start('B');
	expect("when the host has given it an own one", EVENT_BOOT_CHANGED, "clone", "clone", false);
}

/* What somebody declares counts before the mark. */
static void test_declared(void)
{
	prepare(true);
	machine('b');
	scratch_write("etc/intent", "clone\n", 0644);
	start('B');
	expect("intent clone was dropped into the copy", EVENT_ADOPTED, "clone", "clone", false);
	expect_unused("");
	prepare(true);
	machine('b');
	scratch_write("etc/intent", "restore\n", 0644);
	start('B');
	expect("intent restore", EVENT_ADOPTED, "clone", "", true);
	expect_unused("the intent \"restore\" is dropped");
	prepare(true);
	start('A');
	scratch_write("etc/intent", "restore\n", 0644);
	reboot();
	machine('b');
	start('B');
	expect("intent restore, and there is a record", EVENT_BOOT_CHANGED, "clone", "restore", true);
	reboot();
	start('D');
	expect("what was restored is the original, also where its disk goes back later",
	       EVENT_BOOT_CHANGED, "rollback", "clone", true);
	reboot();
	machine('e');
	start('E');
	expect("a copy of that", EVENT_BOOT_CHANGED, "clone", "clone", false);
	prepare(true);
	start('A');
	machine('b');
	scratch_write("etc/intent", "clone\n", 0644);
	start('C');
	expect("intent clone for a change while it is up", EVENT_CHANGED, "unknown", "clone", false);
}

/* Said before the original was switched off, for its clone; both get a new ID. */
static void test_left_over(void)
{
	unlink(scratch_path("state/image"));
	unlink(scratch_path("state/state.json"));
	machine('a');
	start('A');
	scratch_write("etc/intent", "clone\n", 0644);
	scratch_write("sys/class/net/eth0/address", "\n", 0444);
	reboot();
	start('B');
	expect("a word left in the original, before any driver of a network card", EVENT_BOOT_CHANGED,
	       "rollback", "clone", false);
	scratch_write("etc/intent", "clone\n", 0644);
	scratch_write("sys/class/dmi/id/product_uuid", "0a1b2c3d-0000-4000-8000-00000000000b\n", 0400);
	reboot();
	start('C');
	expect("in the clone", EVENT_BOOT_CHANGED, "unknown", "clone", false);
}

static void refuse(const char *name, const char *text)
{
	machine('b');
	start('B');
	expect(name, EVENT_ADOPTED, "unknown", "", true);
	expect_unused(text);
}

static void test_bad(void)
{
	struct sighting sighting = sight('B');
	struct repair repair;

	prepare(true);
	scratch_write("state/image", "{\"version\":1,\"id_hash\":\"0123\"}", 0600);
	refuse("not a hash", "state/image: it is damaged, or of a later release");
	prepare(true);
	scratch_write("state/image", "{\"version\":2,\"id_hash\":\"\"}", 0600);
	refuse("another version", "state/image: it is damaged, or of a later release");
	prepare(true);
	(void)!chmod(scratch_path("state/image"), 0666);
	refuse("others can write to it", "state/image: others than root can change it");
	prepare(true);
	machine('b');
	sighting.source = WITNESS_KMSG;
	sighting.made_up = true;
	sighting.changed_here = false;
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	ok(!*repair.state.last.intent && is_marked(), "without an ID nobody can tell a copy");
	repair_clear(&repair);
	unlink(scratch_path("state/state.json"));
	full = true;
	sighting = sight('B');
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	ok(!*repair.state.last.intent && strstr(repair.state.last.intent_unused, "is kept and not used"),
	   "one that cannot be recorded as used is not used");
	full = false;
	repair_update(&repair);
	ok(is_marked(), "and stays when there is space again");
	repair_clear(&repair);
	unlink(scratch_path("state/state.json"));
	start('B');
	expect("with space again", EVENT_ADOPTED, "clone", "clone", false);
}

/* Where the original, with a mark, is cut off, the boot after that is the original's, too. */
static void test_cut_off(void)
{
	int status;
	pid_t pid;

	prepare(true);
	pid = fork();
	if (!pid) {
		fuse = 3;
		start('B');
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(status, "the original dies in a boot with another ID");
	unlink(scratch_path("state/image"));
	scratch_write("sys/class/net/eth0/address", "\n", 0444);
	reboot();
	start('C');
	expect("the next one, without a mark and before any driver of a network card",
	       EVENT_BOOT_CHANGED, "unknown", "", false);
}

static void prepare_copy(void)
{
	prepare(true);
	machine('b');
}

static bool is_left(const struct state *state)
{
	return state->image_spent || is_marked();
}

static void test_crashes(char back, bool boots)
{
	struct crashes crashes = crash_everywhere(prepare_copy, back, boots, is_left);

	ok(crashes.died >= 10, "vmgend died at %d steps, then %c%s", crashes.died, back,
	   boots ? " at another boot" : "");
	equal(crashes.twice, 0, "no mark is used twice");
	equal(crashes.lost, 0, "nor lost for the copy that used it");
	equal(crashes.left, 0, "nor left over");
}

int main(void)
{
	starts_create();
	test_copies();
	test_original();
	test_declared();
	test_left_over();
	test_bad();
	test_cut_off();
	test_crashes('B', false);
	test_crashes('C', false);
	test_crashes('C', true);
	starts_clear();
	return tap_done();
}
