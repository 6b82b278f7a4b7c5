/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: on disk when they are set, and kept whatever is in their place.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "fence.h"
#include "scratch.h"
#include "state.h"
#include "tap.h"

static char directory[PATH_MAX], steps[256], listed[256];

/* Instead of libc's, to see the order. */
int fsync(int fd)
{
	struct stat st;

	strcat(steps, fstat(fd, &st) ? "?" : S_ISDIR(st.st_mode) ? "sync directory, " : "sync file, ");
	return syscall(SYS_fsync, fd);
}

static int set(const char *unit, const char *reason)
{
	int fd, r = state_open(directory, &fd);

	if (r)
		return r;
	steps[0] = '\0';
	r = fence_set(fd, unit, reason);
	close(fd);
	return r;
}

static int lift(const char *unit)
{
	int fd, r = state_open(directory, &fd);

	if (r)
		return r;
	steps[0] = '\0';
	r = fence_lift(fd, unit);
	close(fd);
	return r;
}

static void visit(const char *unit, const char *reason, void *context)
{
	size_t used = strlen(listed);

	ok(context == listed, "with its context");
	snprintf(listed + used, sizeof(listed) - used, "%s=%s;", unit, reason);
}

static void test_names(void)
{
	char unit[NAME_MAX + 1], name[NAME_MAX + 2];

	ok(!fence_unit("samba-ad-dc", unit) && !strcmp(unit, "samba-ad-dc.service"), "a service needs no suffix");
	ok(!fence_unit("a@b\\x2d1.socket", unit) && !strcmp(unit, "a@b\\x2d1.socket"), "others have theirs");
	ok(!fence_unit("python3.11", unit) && !strcmp(unit, "python3.11.service"), "not every dot begins one");
	equal(fence_unit("", unit), -EINVAL, "refused: no name");
	equal(fence_unit("../x", unit), -EINVAL, "refused: a path");
	equal(fence_unit("a/b", unit), -EINVAL, "refused: a path without dots");
	equal(fence_unit(".service", unit), -EINVAL, "refused: a suffix alone");
	equal(fence_unit("a b", unit), -EINVAL, "refused: a space");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	equal(fence_unit(name, unit), -EINVAL, "refused: a name that no file can have");
}

static void test_fence(void)
{
	char reason[FENCE_REASON_SIZE], text[FENCE_REASON_SIZE + 1];

	equal(fence_read(directory, "a.service", reason), -ENOENT, "no directory: not fenced");
	equal(fence_each(directory, visit, listed), 0, "and none to list");
	equal(lift("a.service"), -ENOENT, "none to lift");
	equal(set("a.service", "the USN was rolled back"), 0, "set");
	ok(!strcmp(steps, "sync directory, sync file, sync directory, "), "it is on disk, with its directory");
	equal(fence_read(directory, "a.service", reason), 0, "it is fenced");
	ok(!strcmp(reason, "the USN was rolled back"), "for this reason");
	equal(fence_read(directory, "b.service", reason), -ENOENT, "another is not");
	equal(set("a.service", "another reason"), 0, "set again");
	ok(!fence_read(directory, "a.service", reason) && !strcmp(reason, "another reason"), "the last reason counts");
	equal(set("b.socket", ""), -EINVAL, "no reason is refused");
	equal(set("b.socket", "a\nb"), -EINVAL, "two lines are");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	equal(set("b.socket", text), -EINVAL, "an endless one is");
	text[FENCE_REASON_SIZE - 2] = '\0';
	ok(!set("b.socket", text) && !fence_read(directory, "b.socket", reason) && !strcmp(reason, text),
	   "the longest one is not cut");
	equal(set("b.socket", "why"), 0, "a second one");
	scratch_write("state/fence/.x", "", 0600);
	scratch_write("state/fence/notes", "", 0600);
	equal(fence_each(directory, visit, listed), 0, "listed");
	ok(!strcmp(listed, "a.service=another reason;b.socket=why;"), "in order, and nothing else");
	equal(lift("a.service"), 0, "lifted");
	ok(!strcmp(steps, "sync directory, "), "for good");
	equal(fence_read(directory, "a.service", reason), -ENOENT, "it is not fenced");
}

static void test_damaged(void)
{
	char reason[FENCE_REASON_SIZE];

	scratch_write("state/fence/c.service", "", 0600);
	ok(!fence_read(directory, "c.service", reason) && !*reason, "an empty file is a fence");
	scratch_write("state/fence/c.service", "a\x01b\n", 0600);
	ok(!fence_read(directory, "c.service", reason) && !*reason, "so is one with rubbish");
	unlink(scratch_path("state/fence/c.service"));
	(void)!symlink("nowhere", scratch_path("state/fence/c.service"));
	equal(fence_read(directory, "c.service", reason), 0, "so is a link that leads nowhere");
	unlink(scratch_path("state/fence/c.service"));
	scratch_mkdir("state/fence/c.service", 0700);
	equal(fence_read(directory, "c.service", reason), 0, "so is a directory");
	rename(scratch_path("state/fence"), scratch_path("state/other"));
	(void)!symlink("other", scratch_path("state/fence"));
	ok(fence_read(directory, "x.service", reason) != -ENOENT, "a link in the place of the directory says not no");
	strcpy(directory, scratch_path("state/other/notes"));
	ok(fence_read(directory, "x.service", reason) == -ENOTDIR, "nor does a file in the place of the state");
}

int main(void)
{
	scratch_create();
	strcpy(directory, scratch_path("state"));
	test_names();
	test_fence();
	test_damaged();
	return tap_done();
}
