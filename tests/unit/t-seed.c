/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The seed file of the next boot: new bytes in the same file, or nothing.
 */
#include <errno.h>

#include "scratch.h"
#include "seed.h"
#include "tap.h"

int main(void)
{
	char old[600], first[600];
	struct stat before, after;

	scratch_create();
	equal(seed_refresh(scratch_path("seed")), -ENOENT, "where there is none none is made");
	ok(access(scratch_path("seed"), F_OK), "none is there");
	memset(old, 'x', sizeof(old) - 1);
	old[sizeof(old) - 1] = '\0';
	scratch_write("seed", old, 0600);
	(void)stat(scratch_path("seed"), &before);
	equal(seed_refresh(scratch_path("seed")), 0, "it is renewed");
	(void)stat(scratch_path("seed"), &after);
	ok(before.st_ino == after.st_ino && after.st_size == 599 && (after.st_mode & 07777) == 0600,
	   "it is the same file, of the same size");
	memcpy(first, scratch_read("seed"), 599);
	ok(memcmp(first, old, 16) && memcmp(first + 496, old, 16), "its 512 bytes are new");
	equal(seed_refresh(scratch_path("seed")), 0, "once more");
	ok(memcmp(first, scratch_read("seed"), 16), "with others");
	(void)!truncate(scratch_path("seed"), 0);
	ok(!seed_refresh(scratch_path("seed")) && !stat(scratch_path("seed"), &after) && after.st_size == 512,
	   "an empty one is filled");
	(void)!chmod(scratch_path("seed"), 0644);
	equal(seed_refresh(scratch_path("seed")), -EPERM, "one that others can read is no secret");
	(void)!chmod(scratch_path("seed"), 0600);
	(void)!chown(scratch_path("seed"), 1000, 1000);
	equal(seed_refresh(scratch_path("seed")), -EPERM, "nor one of another user");
	unlink(scratch_path("seed"));
	scratch_write("other", "x", 0600);
	(void)!symlink("other", scratch_path("seed"));
	equal(seed_refresh(scratch_path("seed")), -ELOOP, "a link is not followed");
	ok(!strcmp(scratch_read("other"), "x"), "what it leads to is untouched");
	return tap_done();
}
