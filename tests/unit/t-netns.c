/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The walk over network name spaces: each once, whoever has it, and none for ever. It runs
 * where /proc and /run have nothing but what it has put there.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/netns.h"
#include "scratch.h"
#include "tap.h"

enum { LONG_MS = 60000, UNPRIVILEGED = 65534 };

static struct {
	unsigned int visits, missed;
	/* All names, and what was entered with the latest. */
	char names[1024];
	ino_t inode;
} seen;

static ino_t current(void)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		scratch_give_up("/proc/thread-self/ns/net");
	return st.st_ino;
}

static void visit(const char *name, void *context)
{
	(void)context;
	seen.visits++;
	seen.inode = current();
	strcat(strcat(seen.names, name), ";");
}

static void missed(const char *name, int error, void *context)
{
	(void)name;
	(void)error;
	(void)context;
	seen.missed++;
}

static int walk(int limit_ms)
{
	const struct netns_visitor visitor = { .visit = visit, .missed = missed };

	memset(&seen, 0, sizeof(seen));
	return netns_walk(limit_ms, &visitor);
}

/* A process in a name space of its own, which is there when this returns. */
static pid_t start_stranger(void)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!write(fds[1], "", unshare(CLONE_NEWNET) ? 0 : 1);
		close(fds[0]);
		close(fds[1]);
		pause();
		_exit(1);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &c, 1) != 1)
		scratch_give_up("unshare(CLONE_NEWNET)");
	close(fds[0]);
	return pid;
}

static void end_stranger(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void test_own(void)
{
	equal(walk(LONG_MS), 0, "alone");
	ok(!strcmp(seen.names, ";"), "its own is visited once: %s", seen.names);
	equal(seen.inode, current(), "and it is its own");
}

static void test_process(void)
{
	pid_t pid = start_stranger();
	ino_t own = current();
	char want[64];

	snprintf(want, sizeof(want), ";of process %d;", pid);
	equal(walk(LONG_MS), 0, "one of a process");
	ok(!strcmp(seen.names, want), "is visited after its own: %s", seen.names);
	ok(seen.inode != own, "and entered");
	equal(current(), own, "at last the thread is back");
	equal(walk(0), -ETIMEDOUT, "when its time is over");
	ok(!strcmp(seen.names, ";"), "only its own was visited: %s", seen.names);
	end_stranger(pid);
}

/* Nobody is in it, and other things lie beside it. */
static void test_named(void)
{
	pid_t pid = start_stranger();
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (mkdir("/run/netns", 0755) || mknod("/run/netns/blue", S_IFREG | 0644, 0) ||
	    mount(path, "/run/netns/blue", NULL, MS_BIND, NULL) ||
	    mkfifo("/run/netns/pipe", 0644) || mkdir("/run/netns/directory", 0755) ||
	    symlink("/dev/zero", "/run/netns/link"))
		scratch_give_up("/run/netns");
	equal(walk(LONG_MS), 0, "one with a name and a process in it, beside a pipe and others");
	ok(!strcmp(seen.names, ";blue;"), "is visited once, by its name: %s", seen.names);
	end_stranger(pid);
	equal(walk(LONG_MS), 0, "without a process");
	ok(!strcmp(seen.names, ";blue;"), "it still is: %s", seen.names);
}

static void test_without_rights(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) || walk(LONG_MS) ||
		      seen.visits != 1 || seen.missed);
	(void)waitpid(pid, &status, 0);
	equal(status, 0, "without the right to enter others it visits its own, and misses none");
}

static int run(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL) || mount("none", "/run", "tmpfs", 0, NULL))
		scratch_give_up("/proc and /run");
	test_own();
	test_process();
	test_named();
	test_without_rights();
	return tap_done();
}

int main(void)
{
	int status = -1;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS))
		scratch_give_up("unshare");
	pid = fork();
	if (!pid)
		status = run() << 8;
	else
		(void)waitpid(pid, &status, 0);
	fflush(stdout);
	/* What looks for leaks at the end starts a process, and here none can be started any more. */
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
