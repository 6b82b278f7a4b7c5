/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Files that nobody but root can have changed: each way in which somebody can.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/trust.h"
#include "scratch.h"
#include "tap.h"

static char reason[1024];

static int try(const char *path)
{
	int fd, r;

	reason[0] = '\0';
	r = trust_open(path, O_RDONLY, &fd, reason, sizeof(reason));
	if (r)
		return r;
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "no child gets it");
	close(fd);
	return 0;
}

static void refuse(const char *name, int error, const char *text)
{
	if (!ok(try(scratch_path("d/file")) == error && strstr(reason, text), "%s: %s", name, text))
		printf("# %s\n", reason);
}

static void test_owner(void)
{
	const char *file = scratch_path("d/file"), *d = scratch_path("d");

	equal(try(file), 0, "root's own");
	(void)!chmod(file, 0664);
	refuse("a group can write it", -EPERM, "d/file can be written by others than root (chmod go-w");
	(void)!chmod(file, 0602);
	refuse("everyone can", -EPERM, "(chmod go-w");
	(void)!chmod(file, 0600);
	(void)!chown(file, 65534, 0);
	refuse("another user's", -EPERM, "belongs to user 65534, not to root (chown root:root");
	(void)!chown(file, 0, 65534);
	equal(try(file), 0, "a group that can write nothing");
	(void)!chmod(d, 01777);
	refuse("everyone can put one there", -EPERM, "/d can be written by others than root");
	(void)!chmod(d, 0755);
	(void)!chown(d, 65534, 0);
	refuse("a directory of another user", -EPERM, "/d belongs to user 65534");
	(void)!chown(d, 0, 0);
	(void)!chown(scratch_directory, 65534, 0);
	refuse("a directory above of another user", -EPERM, "belongs to user 65534");
	(void)!chown(scratch_directory, 0, 0);
	equal(try(file), 0, "all as it was");
}

static void test_kinds(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	unlink(scratch_path("d/file"));
	refuse("none", -ENOENT, "No such file");
	(void)!symlink(scratch_path("good"), scratch_path("d/file"));
	refuse("a symbolic link", -ELOOP, "is a symbolic link, which is not followed");
	unlink(scratch_path("d/file"));
	(void)!symlink("nowhere", scratch_path("d/file"));
	refuse("one that leads nowhere is not none", -ELOOP, "is a symbolic link");
	unlink(scratch_path("d/file"));
	(void)!mkfifo(scratch_path("d/file"), 0600);
	refuse("a FIFO, without waiting for a writer", -EINVAL, "is not a regular file");
	unlink(scratch_path("d/file"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, scratch_path("d/file"));
	(void)!bind(fd, (struct sockaddr *)&address, sizeof(address));
	refuse("a socket", -EINVAL, "is not a regular file");
	close(fd);
	unlink(scratch_path("d/file"));
	scratch_mkdir("d/file", 0755);
	refuse("a directory", -EINVAL, "is not a regular file");
	equal(try(scratch_path("d/")), -EISDIR, "a path without a file");
	equal(try("/dev/null"), -EINVAL, "a device");
}

static void test_paths(void)
{
	char longest[PATH_MAX + 16];

	(void)!symlink("d", scratch_path("link"));
	equal(try(scratch_path("link/good")), -ENOTDIR, "a directory that is a symbolic link");
	ok(strstr(reason, "/link: ") && strstr(reason, "symbolic links are not followed"), "is named");
	(void)!chdir(scratch_directory);
	equal(try("good"), 0, "a relative path");
	equal(try("d/../good"), 0, "with two dots");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	equal(try(longest), -ENAMETOOLONG, "a path that is too long");
	(void)!chdir("/");
	equal(try("vmgen-has-no-such-file"), -ENOENT, "in the root directory");
}

int main(void)
{
	scratch_create();
	scratch_mkdir("d", 0755);
	scratch_write("d/file", "", 0600);
	scratch_write("good", "", 0644);
	test_owner();
	test_kinds();
	test_paths();
	return tap_done();
}
