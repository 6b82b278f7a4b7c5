/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where vmgenctl metrics writes: in a directory that belongs to the user who collects them.
 */
#include <sys/wait.h>

#include "ctl/ctl.h"
#include "scratch.h"
#include "tap.h"

/* Returns the exit status; what is told is in the file "out". */
static int write_to(const char *name)
{
	struct ctl ctl = {
		.device = "/nonexistent", .runtime_dir = scratch_directory,
		.state_dir = scratch_directory, .config = "/nonexistent",
	};
	char output[PATH_MAX + 16], *argv[] = { (char *)"metrics", output, NULL };
	int fd, status;
	pid_t pid;

	snprintf(output, sizeof(output), "--output=%s", scratch_path("%s", name));
	fflush(stdout);
	unlink(scratch_path("out"));
	pid = fork();
	if (!pid) {
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDERR_FILENO);
		_exit(ctl_metrics(&ctl, 2, argv));
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A directory of others, who choose what lies in it, but not where it is. */
static void test_directory(void)
{
	static const char *const links[] = { "link/vmgen.prom", "above/theirs/vmgen.prom", "nowhere/vmgen.prom" };
	struct stat st;
	size_t i;

	scratch_mkdir("theirs", 0755);
	scratch_write("victim", "old", 0600);
	(void)!symlink(scratch_path("victim"), scratch_path("theirs/vmgen.prom"));
	(void)!symlink(scratch_path("victim"), scratch_path("theirs/.vmgen.prom.new"));
	(void)!lchown(scratch_path("theirs/vmgen.prom"), 65534, 65534);
	(void)!chown(scratch_path("theirs"), 65534, 65534);
	(void)!symlink("theirs", scratch_path("link"));
	(void)!symlink(".", scratch_path("above"));
	(void)!symlink("none", scratch_path("nowhere"));
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		equal(write_to(links[i]), CTL_FAILED, links[i]);
		ok(strstr(scratch_read("out"), "a symbolic link in its path is not followed (give the path that realpath prints)"),
		   "says why");
	}
	ok(!lstat(scratch_path("theirs/vmgen.prom"), &st) && S_ISLNK(st.st_mode), "nothing is written");
	equal(write_to("theirs/vmgen.prom"), CTL_OK, "theirs/vmgen.prom");
	ok(!lstat(scratch_path("theirs/vmgen.prom"), &st) && S_ISREG(st.st_mode) && !st.st_uid &&
	   (st.st_mode & 0777) == 0644, "what is written in a directory of others is the caller's");
	ok(!strcmp(scratch_read("victim"), "old"), "no link in it is followed");
	equal(access(scratch_path("theirs/.vmgen.prom.new"), F_OK), -1, "nothing else is left");
}

int main(void)
{
	scratch_create();
	test_directory();
	return tap_done();
}
