/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which files can be opened without waiting for a stranger: told without asking their
 * file system, of which one here never answers.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "ctl/check/mounts.h"
#include "scratch.h"
#include "tap.h"

static struct mounts own;

static bool trusted(pid_t pid, const char *path)
{
	char proc[32];
	int fd = open(path, O_PATH | O_CLOEXEC), proc_fd;
	bool yes;

	snprintf(proc, sizeof(proc), "/proc/%d", (int)pid);
	proc_fd = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || proc_fd < 0)
		scratch_give_up(path);
	yes = mounts_trusted(&own, proc_fd, fd);
	close(fd);
	close(proc_fd);
	return yes;
}

static void mount_on(const char *name, const char *type, const char *options)
{
	scratch_mkdir(name, 0755);
	if (mount("none", scratch_path("%s", name), type, 0, options))
		scratch_give_up(type);
}

/* Nobody reads what the kernel asks at the other end. */
static void mount_hung(const char *name)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	mount_on(name, "fuse", options);
}

static void mount_stack(const char *name, const char *below)
{
	char options[3 * PATH_MAX];

	snprintf(options, sizeof(options), "lowerdir=%s:%s", scratch_path("%s", below),
		 scratch_directory);
	mount_on(name, "overlay", options);
}

static void test_own(void)
{
	char path[64];
	int fd = memfd_create("test", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	mount_on("memory", "tmpfs", NULL);
	mount_hung("hung");
	mount_stack("stack", "memory");
	equal(mounts_read_own(1, &own), -EFBIG, "too many mounts are too many");
	equal(mounts_read_own(1 << 20, &own), 0, "mounts are read");
	ok(trusted(getpid(), scratch_path("memory")), "a file in memory is trusted");
	ok(trusted(getpid(), path), "and one without a name");
	ok(trusted(getpid(), scratch_directory), "and one on a disk");
	ok(trusted(getpid(), scratch_path("stack")), "and a stack that root has made here");
	ok(!trusted(getpid(), "/proc/self/stat"), "but none of /proc");
	ok(!trusted(getpid(), scratch_path("hung")), "nor one of a server that never answers");
}

/* As test_own(), where this program does not see it. */
static pid_t begin_stranger(void)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds))
		scratch_give_up("pipe");
	fflush(stdout);
	pid = fork();
	if (pid) {
		close(fds[1]);
		if (read(fds[0], &c, 1) != 1)
			scratch_give_up("stranger");
		return pid;
	}
	if (unshare(CLONE_NEWNS))
		_exit(1);
	mount_on("their-memory", "tmpfs", NULL);
	mount_hung("their-hung");
	mount_stack("their-stack", "their-memory");
	(void)!write(fds[1], "", 1);
	pause();
	_exit(0);
}

static void test_strangers(void)
{
	pid_t pid = begin_stranger();
	char memory[64], hung[64], stack[64];

	snprintf(memory, sizeof(memory), "/proc/%d/root%s/their-memory", (int)pid, scratch_directory);
	snprintf(hung, sizeof(hung), "/proc/%d/root%s/their-hung", (int)pid, scratch_directory);
	snprintf(stack, sizeof(stack), "/proc/%d/root%s/their-stack", (int)pid, scratch_directory);
	ok(trusted(pid, memory), "in another name space: memory is trusted");
	ok(!trusted(pid, hung), "a server is not");
	ok(!trusted(pid, stack), "nor a stack, which may have one below it");
	ok(!trusted(getpid(), memory), "nor what is in no list");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	scratch_create();
	/* What waits for the server, waits for good. */
	alarm(60);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		scratch_give_up("unshare");
	test_own();
	test_strangers();
	mounts_clear(&own);
	umount2(scratch_path("stack"), MNT_DETACH);
	umount2(scratch_path("hung"), MNT_DETACH);
	umount2(scratch_path("memory"), MNT_DETACH);
	return tap_done();
}
