/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: on disk when they are set, and kept with anything in their place.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "record/fencefile.h"
#include "scratch.h"
#include "tap.h"

static char directory[PATH_MAX], steps[256], listed[2048];

/* Instead of libc's, to see the order. */
int fsync(int fd)
{
	struct stat st;

	strcat(steps, fstat(fd, &st) ? "?" : S_ISDIR(st.st_mode) ? "sync directory, " : "sync file, ");
	return syscall(SYS_fsync, fd);
}

static int set_as(const char *unit, const char *reason, bool is_hook, long generation,
		  enum fence_result *ret_result)
{
	struct fence_author author = {
		.is_hook = is_hook, .has_generation = generation >= 0, .generation = generation,
	};
	int fd, r = fence_open(directory, true, &fd);

	if (r)
		return r;
	steps[0] = '\0';
	r = fence_set(fd, unit, reason, &author, ret_result);
	close(fd);
	return r;
}

static int set(const char *unit, const char *reason)
{
	enum fence_result result;

	return set_as(unit, reason, false, -1, &result);
}

static int lift_as(const char *unit, bool is_hook, long generation)
{
	struct fence_author author = {
		.is_hook = is_hook, .has_generation = generation >= 0, .generation = generation,
	};
	int fd, r = fence_open(directory, false, &fd);

	if (r)
		return r;
	steps[0] = '\0';
	r = fence_lock(fd);
	if (!r)
		r = fence_lift(fd, unit, &author);
	if (!r)
		r = fence_sync(fd);
	close(fd);
	return r;
}

static int lift(const char *unit)
{
	return lift_as(unit, false, -1);
}

static int look(const char *unit, struct fence *ret_fence)
{
	int fd, r = fence_open(directory, false, &fd);

	if (r)
		return r;
	r = fence_read(fd, unit, ret_fence);
	close(fd);
	return r;
}

static int visit(const char *unit, const struct fence *fence, void *context)
{
	size_t used = strlen(listed);

	ok(context == listed, "with its context");
	snprintf(listed + used, sizeof(listed) - used, "%s=%.99s;", unit, fence->reason);
	return !strcmp(unit, "b.socket") ? 7 : 0;
}

static bool holds(const char *unit, const char *reason, long generation)
{
	struct fence fence;
	int r = look(unit, &fence);

	if (r || fence.damage || strcmp(fence.reason, reason)) {
		printf("# %d \"%s\" %s\n", r, r ? "" : fence.reason, r || !fence.damage ? "" : fence.damage);
		return false;
	}
	return generation < 0 ? !*fence.boot_id : *fence.boot_id && (long)fence.generation == generation;
}

static void test_fence(void)
{
	struct fence fence;

	equal(look("a.service", &fence), -ENOENT, "no directory: not fenced");
	equal(fence_each(directory, visit, listed), 0, "and none to list");
	equal(lift("a.service"), -ENOENT, "none to lift");
	equal(set("a.service", "the USN was rolled back"), 0, "set");
	ok(!strcmp(steps, "sync file, sync directory, sync directory, sync directory, "),
	   "it is on disk, with its directory and those above");
	ok(holds("a.service", "the USN was rolled back", -1), "it is fenced, for this reason");
	equal(look("b.service", &fence), -ENOENT, "another is not");
	ok(!set("a.service", "another reason") && holds("a.service", "another reason", -1), "the last reason counts");
	equal(set("b.socket", "why"), 0, "a second one");
	equal(set("c.service", "not seen"), 0, "a third one");
	scratch_write("state/fence/.x", "", 0600);
	scratch_write("state/fence/notes", "", 0600);
	equal(fence_each(directory, visit, listed), 7, "listed, until somebody has seen enough");
	ok(!strcmp(listed, "a.service=another reason;b.socket=why;"), "in order, and nothing else");
	equal(lift("a.service"), 0, "lifted");
	ok(!strncmp(steps, "sync directory, ", strlen("sync directory, ")), "for good");
	equal(look("a.service", &fence), -ENOENT, "it is not fenced");
}

/* A reason is what a hook has heard from others, and is no cause to leave the unit open. */
static void test_reasons(void)
{
	static const char *const reasons[][2] = {
		{ "", "" },
		{ "two\nlines\tand a tab", "two lines and a tab" },
		{ "\033[31mred\x07", "\\x1b[31mred\\x07" },
		{ "\xc3\xa9t\xc3\xa9 \xf0\x9f\x90\x9a", "\xc3\xa9t\xc3\xa9 \xf0\x9f\x90\x9a" },
		{ "\xe9t\xe9", "\\xe9t\\xe9" },
		{ "\xc2\x9b" "31m", "\\u009b31m" },
		{ "\xc0\xaf \xe2\x80\xae" "x", "\\xc0\\xaf \\u202ex" },
		/* Which the rest of vmgenctl does not print either. */
		{ "no\xe2\x80\x8bthing", "no\\u200bthing" },
		{ "cut \xe2\x82", "cut \\xe2\\x82" },
	};
	char text[4 * FENCE_REASON_SIZE];
	struct fence fence;
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		ok(!set("r.service", reasons[i][0]) && holds("r.service", reasons[i][1], -1), "reason %zu", i);
	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	ok(!set("r.service", text) && !look("r.service", &fence) && !fence.damage &&
	   strlen(fence.reason) == FENCE_REASON_SIZE - 2 && !strncmp(fence.reason, text, FENCE_REASON_SIZE - 2),
	   "one that is too long is cut between characters");
	scratch_write("state/fence/r.service", "a\x01" "b\n", 0600);
	ok(holds("r.service", "a\\x01b", -1), "what somebody else has written is made clean as well");
	(void)lift("r.service");
}

static void test_generations(void)
{
	enum fence_result result;
	char boot_id[BOOT_ID_SIZE], text[256];

	equal(set_as("g.service", "seven", true, 7, &result), 0, "a hook of generation 7 fences");
	ok(result == FENCE_SET && holds("g.service", "seven", 7), "its fence names it");
	equal(lift_as("g.service", true, 6), -ESTALE, "a hook of an older one does not lift it");
	equal(lift_as("g.service", true, -1), -ESTALE, "nor one that does not know");
	ok(!set_as("g.service", "six", true, 6, &result) && result == FENCE_NEWER && holds("g.service", "seven", 7),
	   "nor does it put its own there");
	ok(!set_as("g.service", "admin", false, 6, &result) && result == FENCE_REPLACED && holds("g.service", "admin", 7),
	   "an administrator does, and it stays as new as it was");
	ok(!set("g.service", "again") && holds("g.service", "again", 7), "also one who knows no generation");
	ok(!set_as("g.service", "eight", true, 8, &result) && holds("g.service", "eight", 8), "a newer hook does");
	equal(lift_as("g.service", true, 8), 0, "a hook of the same one lifts it");
	ok(!set_as("g.service", "eight", true, 8, &result) && !lift_as("g.service", true, 9), "a newer one as well");
	ok(!set_as("g.service", "eight", true, 8, &result) && !lift("g.service"), "and an administrator");
	scratch_write("state/fence/g.service", "old\ngeneration 9 boot 00000000-0000-0000-0000-000000000000\n", 0600);
	ok(holds("g.service", "old", 9) && !lift_as("g.service", true, 2), "one of an earlier boot is older");
	scratch_write("state/fence/g.service", "whose\n", 0600);
	equal(lift_as("g.service", true, 9), -ESTALE, "one that names none is no hook's to lift");
	if (state_boot_id(boot_id))
		scratch_give_up("boot ID");
	snprintf(text, sizeof(text), "x\ngeneration 99999999999999999999999 boot %s\n", boot_id);
	scratch_write("state/fence/g.service", text, 0600);
	equal(lift_as("g.service", true, 9), -ESTALE, "nor is one whose number is endless");
	equal(lift("g.service"), 0, "an administrator lifts all of them");
}

static const char *damage(const char *unit)
{
	struct fence fence;
	int r = look(unit, &fence);

	return r ? "" : fence.damage ? fence.damage : "none";
}

static void test_damaged(void)
{
	struct fence fence;
	char text[4096];
	int fd;

	scratch_write("state/fence/c.service", "", 0600);
	ok(!strcmp(damage("c.service"), "is cut short"), "an empty file is a fence");
	equal(lift_as("c.service", true, 1), -ESTALE, "which no hook lifts");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	scratch_write("state/fence/c.service", text, 0600);
	ok(!strcmp(damage("c.service"), "is too large"), "so is a large one");
	scratch_write("state/fence/c.service", "x\n", 0600);
	(void)!chown(scratch_path("state/fence/c.service"), 65534, 65534);
	ok(!strcmp(damage("c.service"), "belongs to another user"), "so is one of another user");
	unlink(scratch_path("state/fence/c.service"));
	(void)!symlink("nowhere", scratch_path("state/fence/c.service"));
	ok(!strcmp(damage("c.service"), "is a symbolic link"), "so is a link that leads nowhere");
	unlink(scratch_path("state/fence/c.service"));
	(void)!mkfifo(scratch_path("state/fence/c.service"), 0600);
	ok(!strcmp(damage("c.service"), "is not a regular file"), "so is a pipe");
	equal(set("c.service", "good"), 0, "a good one takes its place");
	unlink(scratch_path("state/fence/c.service"));
	scratch_mkdir("state/fence/c.service", 0700);
	ok(!strcmp(damage("c.service"), "is not a regular file"), "so is a directory");
	(void)!chown(scratch_path("state/fence"), 65534, 65534);
	equal(look("x.service", &fence), -EPERM, "what another user may change tells nothing");
	(void)!chown(scratch_path("state/fence"), 0, 0);
	(void)chmod(scratch_path("state/fence"), 0777);
	ok(look("x.service", &fence) == -ENOENT && !chmod(scratch_path("state/fence/"), 0700) &&
	   !fence_open(directory, false, &fd) && !close(fd), "a directory that is open to others is closed");
	rename(scratch_path("state/fence"), scratch_path("state/other"));
	(void)!symlink("other", scratch_path("state/fence"));
	ok(look("x.service", &fence) != -ENOENT, "a link in the place of the directory says not no");
	unlink(scratch_path("state/fence"));
	rename(scratch_path("state/other"), scratch_path("state/fence"));
}

/* On a full disk a fence needs no room. */
static void test_full(void)
{
	/* The reason and its end are four bytes; the boot ID is cut in the last one. */
	static const size_t sizes[] = { 0, 3, 4, 24 };
	enum fence_result result;
	int status;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct rlimit limit = { .rlim_cur = sizes[i], .rlim_max = sizes[i] };

		fflush(stdout);
		if (!fork()) {
			(void)signal(SIGXFSZ, SIG_IGN);
			_exit(setrlimit(RLIMIT_FSIZE, &limit) ? 1 :
			      set_as("full.service", "why", true, 3, &result) ? 0 : 2);
		}
		ok(wait(&status) > 0 && !status, "%zu bytes can be written: told", sizes[i]);
		ok(!strcmp(damage("full.service"), sizes[i] == 4 ? "none" : "is cut short"), "and fenced");
		equal(lift_as("full.service", true, 4), -ESTALE, "which no hook lifts");
		equal(lift("full.service"), 0, "an administrator does");
	}
}

static int stray(const struct dirent *entry)
{
	return !strncmp(entry->d_name, ".new.", 5);
}

static void test_concurrent(void)
{
	enum { HOOKS = 8, ROUNDS = 40 };
	struct dirent **entries;
	enum fence_result result;
	int fd, i, n, status, bad = 0, locked;
	struct fence fence;
	pid_t pid;

	fflush(stdout);
	for (n = 1; n <= HOOKS; n++) {
		if (fork())
			continue;
		for (i = 0; i < ROUNDS && !bad; i++) {
			bad = set_as("s.service", "x", n != 1, n, &result);
			if (!bad && n < HOOKS)
				bad = lift_as("s.service", true, n - 1) == 0;
		}
		_exit(!!bad);
	}
	while (wait(&status) > 0)
		bad += !!status;
	equal(bad, 0, "hooks of eight generations set, and lift what is not theirs");
	ok(!look("s.service", &fence) && fence.generation == HOOKS, "the newest one's stays");
	if (fence_open(directory, false, &fd) || fence_lock(fd))
		scratch_give_up("lock");
	equal(set_as("s.service", "held", true, HOOKS, &result), 0, "somebody holds the lock: it is set all the same");
	locked = lift_as("s.service", false, -1);
	equal(locked, -EWOULDBLOCK, "but not lifted");
	close(fd);
	if (state_open(directory, &fd))
		scratch_give_up("state");
	pid = fork();
	if (!pid)
		_exit(!!set("t.service", "x"));
	for (i = 0, n = 0; i < SCRATCH_LOOKS && !n; i++, usleep(n ? 0 : 10000))
		n = waitpid(pid, &status, WNOHANG);
	if (!ok(n == pid && !status, "nor does a guard wait for who changes the state"))
		(void)kill(pid, SIGKILL);
	close(fd);
	pid = fork();
	if (!pid)
		_exit(0);
	(void)waitpid(pid, NULL, 0);
	snprintf(listed, sizeof(listed), "state/fence/.new.%d", (int)pid);
	scratch_write(listed, "", 0600);
	equal(set("s.service", "x"), 0, "set beside what one that was killed has left");
	n = scandir(scratch_path("state/fence"), &entries, stray, NULL);
	equal(n, 0, "which is gone then");
	free(entries);
}

int main(void)
{
	scratch_create();
	strcpy(directory, scratch_path("state"));
	test_fence();
	test_reasons();
	test_generations();
	test_damaged();
	test_full();
	test_concurrent();
	return tap_done();
}
