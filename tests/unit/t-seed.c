/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The seed file of the next boot: new bytes in the same file, or nothing.
 */
#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "rng/seed.h"
#include "scratch.h"
#include "tap.h"

static char reason[SEED_REASON_SIZE], old[4096];
static size_t old_size;
static int fsyncs, fsync_error;
static ino_t synced;

/* Instead of libc's. */
int fsync(int fd)
{
	struct stat st;

	fsyncs++;
	synced = fstat(fd, &st) ? 0 : st.st_ino;
	errno = fsync_error;
	return fsync_error ? -1 : (int)syscall(SYS_fsync, fd);
}

static int refresh(void)
{
	reason[0] = '\0';
	return seed_refresh(scratch_path("seed"), reason);
}

static void fill(const void *bytes, size_t size, mode_t mode)
{
	int fd = open(scratch_path("seed"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	memcpy(old, bytes, size);
	old_size = size;
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, mode) || close(fd))
		scratch_give_up("seed");
}

static void fill_random(size_t size, mode_t mode)
{
	static char bytes[4096];

	if (getrandom(bytes, size, 0) != (ssize_t)size)
		scratch_give_up("getrandom");
	/* By chance they may all be text. */
	bytes[0] = '\0';
	fill(bytes, size, mode);
}

static void test_renewed(size_t size)
{
	struct stat before, after;
	const char *now;

	fill_random(size, 0600);
	(void)stat(scratch_path("seed"), &before);
	fsyncs = 0;
	ok(!refresh(), "a seed of %zu bytes is renewed", size);
	(void)stat(scratch_path("seed"), &after);
	ok(before.st_ino == after.st_ino && after.st_size == (off_t)size && (after.st_mode & 07777) == 0600,
	   "it is the same file, of the same size");
	now = scratch_read("seed");
	ok(memcmp(now, old, 16) && memcmp(now + size - 16, old + size - 16, 16), "its bytes are new");
	ok(fsyncs == 1 && synced == after.st_ino, "and on disk");
}

static void refuse(const char *name, int error, const char *text)
{
	if (!ok(refresh() == error && strstr(reason, text), "%s: %s", name, text))
		printf("# %s\n", reason);
	ok(!memcmp(scratch_read("seed"), old, old_size), "and untouched");
}

static void test_others(void)
{
	const char key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUA\n";

	fill(key, sizeof(key) - 1, 0600);
	refuse("a key", -EINVAL, "is no seed");
	fill_random(31, 0600);
	refuse("too short", -EINVAL, "32 to 512 random bytes");
	fill_random(513, 0600);
	refuse("too long", -EINVAL, "if it is right, remove the file");
	fill("", 0, 0600);
	refuse("empty, which is as good as none", -ENOENT, "");
	fill_random(512, 0600);
	(void)!link(scratch_path("seed"), scratch_path("other"));
	refuse("one with another name", -EINVAL, "with one name");
	unlink(scratch_path("other"));
	(void)!chmod(scratch_path("seed"), 0644);
	refuse("one that others can read", -EPERM, "has the mode 0644, and a secret has 0600 (chmod 0600 ");
	(void)!chmod(scratch_path("seed"), 04600);
	refuse("one that is set-user-ID", -EPERM, "has the mode 4600, and a secret has 0600");
	(void)!chmod(scratch_path("seed"), 0606);
	refuse("one that others can write", -EPERM, "(chmod go-w ");
	(void)!chmod(scratch_path("seed"), 0600);
	(void)!chown(scratch_path("seed"), 1000, 1000);
	refuse("one of another user", -EPERM, "belongs to user 1000");
	unlink(scratch_path("seed"));
	scratch_write("other", "x", 0600);
	(void)!symlink("other", scratch_path("seed"));
	equal(refresh(), -ELOOP, "a link is not followed");
	ok(!strcmp(scratch_read("other"), "x"), "what it leads to is untouched");
	unlink(scratch_path("seed"));
}

int main(void)
{
	scratch_create();
	equal(refresh(), -ENOENT, "where there is none none is made");
	ok(access(scratch_path("seed"), F_OK), "none is there");
	test_renewed(512);
	test_renewed(32);
	test_others();
	fill_random(512, 0600);
	fsync_error = ENOSPC;
	equal(refresh(), -ENOSPC, "it did not get to the disk");
	ok(strstr(reason, "/seed: No space left on device (df -h"), "with the remedy");
	return tap_done();
}
