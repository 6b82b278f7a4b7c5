/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * When vmgend leaves marks of a clean shutdown, on a machine that this program plays.
 */
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/systemd.h"
#include "repair/shutdown.h"
#include "shown.h"
#include "starts.h"

#define FOREIGN "what somebody else has put there"

static bool with_systemd = true;

/* Instead of libc's and vmgend's. */
int fstatfs(int fd, struct statfs *st)
{
	(void)fd;
	*st = (struct statfs){ .f_type = EFIVARFS_MAGIC };
	return 0;
}

bool systemd_runs(void)
{
	return with_systemd;
}

static void play_systemd(const char *word)
{
	char text[64];

	snprintf(text, sizeof(text), "#!/bin/sh\necho %s\nexit 1\n", word);
	scratch_write("bin/systemctl", text, 0755);
}

static void go_down(bool forget, uint64_t seen_last)
{
	struct witness witness = { .kind = WITNESS_VMGENID };
	struct sighting sighting = sight('A');
	struct repair repair;
	int fd;

	event.generation = seen_last;
	id_byte = 'A';
	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	if (forget) {
		if (state_open(config.state_dir, &fd) || state_forget(fd))
			scratch_give_up("state");
		close(fd);
	}
	shutdown_mark(&repair, &witness);
	repair_clear(&repair);
}

/* Also whether both are the same. */
static void expect(const char *name, bool inside, bool outside)
{
	const struct mark_place place = { config.sysfs, config.runtime_dir };
	struct state state = read_state();
	char mark[MARK_SIZE] = MARK_CLEARED;

	(void)markstore_named("efi")->get(&place, mark);
	if (!ok(*state.shutdown != '\0' && inside ? !outside || !strcmp(mark, state.shutdown) :
		!*state.shutdown == !inside && strcmp(mark, MARK_CLEARED) == 0, "%s", name))
		printf("# \"%s\" \"%s\"\n", state.shutdown, mark);
	ok(!strcmp(state.shutdown_store, outside ? "efi" : ""), "the record tells where else it is");
	state_clear(&state);
}

int main(void)
{
	starts_create();
	for (const char *const *p = (const char *const[]) { "bin", "sys/firmware", "sys/firmware/efi",
	     "sys/firmware/efi/efivars", NULL }; *p; p++)
		scratch_mkdir(*p, 0755);
	(void)setenv("PATH", scratch_path("bin"), 1);
	play_systemd("stopping");
	go_down(false, 1);
	expect("a shutdown", true, false);
	config.boot_change = BOOT_CHANGE_COUNTER;
	go_down(false, 1);
	expect("boot-change=counter: outside the disk, too", true, true);
	go_down(false, 2);
	expect("a change that nobody has answered", false, false);
	go_down(true, 1);
	expect("what was forgotten stays so", false, false);
	play_systemd("running");
	go_down(false, 1);
	expect("a stop", false, false);
	with_systemd = false;
	go_down(false, 1);
	expect("without systemd", false, false);
	with_systemd = true;
	play_systemd("stopping");
	(void)markstore_named("efi")->put(&(struct mark_place){ .sysfs = config.sysfs }, FOREIGN);
	go_down(false, 1);
	expect("what is not vmgend's, outside", true, false);
	/* Before it are its attributes. */
	ok(!strcmp(scratch_read(EFI_VARIABLE_FILE) + sizeof(uint32_t), FOREIGN), "is left alone");
	starts_clear();
	return tap_done();
}
