/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tests of vmgend across its starts share: whole runs without hooks, in this
 * process, with a step at which vmgend dies.
 */
#ifndef STARTS_H
#define STARTS_H

#include <errno.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/compat.h"
#include "record/intentfile.h"
#include "repair/repair.h"
#include "repair/startup.h"
#include "rng/random.h"
#include "scratch.h"
#include "tap.h"

#define EFI_VARIABLE_FILE \
	"sys/firmware/efi/efivars/VmgenShutdown-d456c82c-d0dc-4701-bdd6-404c2156283b"
#define OTHER_BOOT "99999999-9999-9999-9999-999999999999"

static struct config config;
/* vmgend dies instead of the step with this number; 0: never. */
static int fuse;
static char order[512];
/* No intent can be removed. */
static bool stuck;
/* No file can be written. */
static bool full;
/* The last start handled a change that others are told of. */
static bool told_others;

static inline void step(const char *name)
{
	if (strlen(order) + strlen(name) < sizeof(order))
		strcat(order, name);
	if (fuse && !--fuse)
		_exit(9);
}

/* Instead of libc's. */
int fsync(int fd)
{
	step("sync ");
	return syscall(SYS_fsync, fd);
}

int renameat(int old_fd, const char *old, int new_fd, const char *new)
{
	step(strcmp(new, "state.json") ? "" : "state ");
	return syscall(SYS_renameat, old_fd, old, new_fd, new);
}

ssize_t write(int fd, const void *data, size_t size)
{
	/* The log is no file of the state's. */
	if (full && fd > STDERR_FILENO) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, data, size);
}

int unlinkat(int fd, const char *name, int flags)
{
	if (stuck && !strcmp(name, "intent")) {
		errno = EROFS;
		return -1;
	}
	if (*name != '.')
		step("unlink ");
	return syscall(SYS_unlinkat, fd, name, flags);
}

int random_reseed(const char *device, const char *hardware, const uint8_t *id,
		  size_t *ret_hardware)
{
	(void)device;
	(void)hardware;
	(void)id;
	*ret_hardware = 0;
	return 0;
}

static inline struct sighting sight(char letter)
{
	struct sighting sighting = { .generation = 1, .has_id = true };

	memset(sighting.id, letter, VMGEN_ID_SIZE);
	hash_id(sighting.id, sighting.id_hash);
	return sighting;
}

static inline void start(char letter)
{
	struct sighting sighting = sight(letter);
	struct repair repair;

	repair_init(&repair, &config);
	startup_begin(&repair, &sighting);
	while (repair.run || repair.waiter) {
		repair_advance(&repair);
		startup_advance(&repair);
	}
	told_others = repair.finished;
	repair_clear(&repair);
}

static inline struct state read_state(void)
{
	struct state state = { .boot_id = "" };
	int fd;

	if (!state_open(config.state_dir, &fd)) {
		(void)state_load(fd, &state, NULL);
		close(fd);
	}
	return state;
}

/* What was said and is not used is told, and why. */
static inline void expect_unused(const char *text)
{
	struct state state = read_state();

	if (!ok(*text ? strstr(state.last.intent_unused, text) != NULL : !*state.last.intent_unused,
		"%s", *text ? text : "nothing went unused"))
		printf("# %s\n", state.last.intent_unused);
	state_clear(&state);
}

/* As vmgenctl intent. */
static inline void say(const char *word)
{
	int fd;

	if (state_open(config.state_dir, &fd) || intent_write(fd, word))
		scratch_give_up("intent");
	close(fd);
}

static inline void reboot(void)
{
	struct state state = read_state();
	int fd;

	strcpy(state.boot_id, OTHER_BOOT);
	if (state_open(config.state_dir, &fd) || state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
	state_clear(&state);
}

struct crashes {
	int died;
	/* An intent was used for another change, too; not used; still in its place. */
	int twice, lost, left;
};

/*
 * Dies at every step of a start with B in turn, and comes back with the same ID or another,
 * by another boot or without.
 */
static inline struct crashes crash_everywhere(void (*prepare)(void), char back, bool boots,
					      bool (*is_left)(const struct state *state))
{
	struct crashes crashes = { .died = 0 };
	struct state before, after;
	int i, status = 1;
	bool used;
	pid_t pid;

	for (i = 1; status && i < 40; i++) {
		prepare();
		pid = fork();
		if (!pid) {
			fuse = i;
			start('B');
			_exit(0);
		}
		waitpid(pid, &status, 0);
		crashes.died += status != 0;
		before = read_state();
		if (boots)
			reboot();
		start(back);
		after = read_state();
		/* What the run for B has used is not for C, but where a boot came before its end. */
		used = *before.last.intent || (*before.run.intent && !boots);
		crashes.twice += used && back != 'B' && *after.last.intent;
		crashes.lost += (back == 'B' || (boots && !used)) &&
				strcmp(after.last.intent, "clone");
		crashes.left += is_left(&after);
		state_clear(&before);
		state_clear(&after);
	}
	/* The last one came to its end. */
	if (crashes.died != i - 2)
		crashes.died = 0;
	return crashes;
}

static inline void starts_create(void)
{
	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.intent_file);
	free(config.seed_file);
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	config.intent_file = strdup(scratch_path("etc/intent"));
	config.seed_file = strdup(scratch_path("seed"));
	config.sysfs = strdup(scratch_path("sys"));
	/* Those of this machine are nothing to a test. */
	config.fork_sentinels = false;
	scratch_mkdir("etc", 0755);
	for (const char *const *p = (const char *const[]) { "sys", "sys/class", "sys/class/dmi",
	     "sys/class/dmi/id", "sys/class/net", "sys/class/net/eth0", "sys/class/net/eth0/device", NULL }; *p; p++)
		scratch_mkdir(*p, 0755);
	scratch_write("sys/class/net/eth0/addr_assign_type", "0\n", 0444);
}

static inline void starts_clear(void)
{
	/* What vmgend has protected cannot be removed with the rest. */
	int fd = open(scratch_path(EFI_VARIABLE_FILE), O_RDONLY | O_CLOEXEC), flags = 0;

	if (fd >= 0) {
		(void)ioctl(fd, (ioctl_request)FS_IOC_SETFLAGS, &flags);
		close(fd);
	}
	free((char *)config.sysfs);
	config_clear(&config);
}

#endif /* STARTS_H */
