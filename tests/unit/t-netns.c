/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The walk over network name spaces: each once, no matter who has it, and none for ever. It runs
 * where /proc and /run have nothing but what it has put there, and with lower limits.
 */
#include "keys/netns.h"
#define NETNS_MAX		4
#define NETNS_FOREIGN_MAX	6
#define NETNS_USER_MAX		2
#include "keys/netns.c"

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

#include "keys/place.h"
#include "scratch.h"
#include "tap.h"

enum { LONG_MS = 60000, UNPRIVILEGED = 65534, STRANGERS_MAX = 16 };

static struct {
	unsigned int visits, missed;
	/* All names, foreign ones with a mark, and what was entered with the latest. */
	char names[1024];
	/* Who had too many, or was too late. */
	char cut[256];
	ino_t inode;
} seen;

static ino_t current(void)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		scratch_give_up("/proc/thread-self/ns/net");
	return st.st_ino;
}

static void see(const struct netns *netns, void *context)
{
	(void)context;
	seen.visits++;
	seen.inode = current();
	strcat(strcat(strcat(seen.names, netns->foreign ? "!" : ""), netns->name), ";");
}

static void see_missed(const struct netns *netns, int error, void *context)
{
	(void)context;
	seen.missed++;
	if (netns->foreign && (error == -E2BIG || error == -ETIMEDOUT))
		strcat(strcat(seen.cut, netns->name), ";");
}

static int walk(int limit_ms)
{
	const struct netns_visitor visitor = { .visit = see, .missed = see_missed };

	memset(&seen, 0, sizeof(seen));
	return netns_walk(limit_ms, &visitor);
}

/* A process that has run a function, which returns 0, when this returns. */
static pid_t start(int (*run)(int argument), int argument)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)!write(fds[1], "", run(argument) ? 0 : 1);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		close(fds[1]);
		pause();
		_exit(1);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &c, 1) != 1)
		scratch_give_up("unshare");
	close(fds[0]);
	return pid;
}

static int unshare_net(int unused)
{
	(void)unused;
	return unshare(CLONE_NEWNET);
}

/* A process in a network name space of its own. */
static pid_t start_stranger(void)
{
	return start(unshare_net, 0);
}

/* As unshare -Un of a user. */
static int unshare_user(int uid)
{
	return setresuid(uid, uid, uid) || unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

/* This process, which root has given more users to, as newuidmap(1) does. */
static int map_users(pid_t pid)
{
	static const char *const files[] = { "uid_map", "gid_map" };
	char path[64];
	size_t i;
	FILE *file;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		file = fopen(path, "w");
		if (!file || fputs("0 100000 65536", file) == EOF || fclose(file))
			return -1;
	}
	return 0;
}

/* Somebody who is another user in his user name space, and makes the next one as that. */
static int unshare_as_another(int uid)
{
	int fds[2], status = -1;
	pid_t own = getpid(), pid;
	char c;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) != 1 || map_users(own));
	}
	if (setresuid(uid, uid, uid) || unshare(CLONE_NEWUSER) || write(fds[1], "", 1) != 1 ||
	    waitpid(pid, &status, 0) != pid || status)
		return -1;
	return setresgid(5, 5, 5) || setresuid(5, 5, 5) || unshare(CLONE_NEWUSER | CLONE_NEWNET);
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

static void end_all(const pid_t *pids, size_t n)
{
	while (n--)
		end_stranger(pids[n]);
}

static void want(char *names, const char *mark, pid_t pid)
{
	sprintf(names + strlen(names), "%sof process %d;", mark, pid);
}

/* Those of a user come first by their numbers, and are more than anybody may have. */
static void test_foreign(void)
{
	char names[1024] = ";blue;";
	pid_t pids[STRANGERS_MAX];
	size_t n;

	for (n = 0; n < NETNS_MAX + 2; n++)
		pids[n] = start(unshare_user, UNPRIVILEGED);
	pids[n++] = start(unshare_as_another, UNPRIVILEGED);
	pids[n++] = start_stranger();
	pids[n++] = start(unshare_user, UNPRIVILEGED - 1);
	want(names, "", pids[n - 2]);
	want(names, "!", pids[0]);
	want(names, "!", pids[1]);
	want(names, "!", pids[n - 1]);
	equal(walk(LONG_MS), 0, "one of this system's, and too many of a user");
	ok(!strcmp(seen.names, names), "it is visited before them, and they are foreign: %s", seen.names);
	ok(!strcmp(seen.cut, "of user 65534;"), "who has too many is told once: %s", seen.cut);
	equal(seen.missed, 1, "and nothing else");
	pids[n++] = start(unshare_user, UNPRIVILEGED - 2);
	pids[n++] = start(unshare_user, UNPRIVILEGED - 2);
	pids[n++] = start(unshare_user, UNPRIVILEGED - 3);
	equal(walk(LONG_MS), 0, "too many of users who have few each");
	ok(!strcmp(seen.cut, "of user 65534;of others;"), "are told: %s", seen.cut);
	end_all(pids, n);
}

static void test_many(void)
{
	pid_t pids[STRANGERS_MAX], foreign = start(unshare_user, UNPRIVILEGED);
	size_t n;

	/* Its own and the one with a name are two. */
	for (n = 0; n < NETNS_MAX - 2; n++)
		pids[n] = start_stranger();
	equal(walk(LONG_MS), 0, "as many of this system's as may be");
	equal(seen.visits, NETNS_MAX + 1, "are visited, and a foreign one");
	pids[n++] = start_stranger();
	equal(walk(LONG_MS), -E2BIG, "one more");
	equal(seen.visits, NETNS_MAX, "is told, and is not visited");
	end_all(pids, n);
	end_stranger(foreign);
}

static void test_command(void)
{
	static const struct {
		struct netns netns;
		const char *command;
	} cases[] = {
		{ { .name = "" }, "" },
		{ { .name = "blue", .directory = "/run/netns" }, "nsenter --net=/run/netns/blue " },
		{ { .name = "a;id", .directory = "/run/netns" }, NULL },
		{ { .name = "blue", .directory = "/run/netns", .foreign = true }, NULL },
		{ { .name = "of process 7" }, NULL },
	};
	char buffer[PLACE_COMMAND_SIZE];
	const char *command;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		command = place_command(&cases[i].netns, buffer);
		ok(command && cases[i].command ? !strcmp(command, cases[i].command) :
		   command == cases[i].command, "in '%s' a command begins with '%s'",
		   cases[i].netns.name, command ? command : "nothing");
	}
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
	test_foreign();
	test_many();
	test_command();
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
