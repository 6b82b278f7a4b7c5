/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The cgroups of hooks, in a real hierarchy that only this test sees: what ends
 * with a hook, what stays, and that neither costs the next one its own.
 */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "process/cgroup.h"
#include "rig.h"

#define MOUNT	"/sys/fs/cgroup"

static char own[128], origin[PATH_MAX + 32];

static void move_to(const char *path)
{
	char file[PATH_MAX + 64];
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		scratch_give_up(file);
	close(fd);
}

/* As systemd does for a service with Delegate=. */
static void delegate(void)
{
	char line[PATH_MAX], path[PATH_MAX];
	FILE *file;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("cgroup2", MOUNT, "cgroup2", 0, NULL))
		scratch_give_up("cgroup2");
	file = fopen("/proc/self/cgroup", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "0::%4095[^\n]", path) == 1)
			snprintf(origin, sizeof(origin), MOUNT "%s", path);
	if (!file || fclose(file))
		scratch_give_up("cgroup");
	snprintf(own, sizeof(own), MOUNT "/vmgen-test-%d", (int)getpid());
	if (mkdir(own, 0755) || setxattr(own, "trusted.delegate", "1", 1, 0))
		scratch_give_up(own);
	move_to(own);
}

static const char *below(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", own, name);
	return path;
}

static void withdraw(void)
{
	move_to(origin);
	/* Those that were killed may not be gone yet. */
	for (int i = 0; i < SCRATCH_LOOKS && rmdir(own); i++)
		usleep(10000);
	ok(access(own, F_OK), "nothing is left of the cgroups");
}

/* In time, if somebody killed it; afterwards it has in any case. */
static bool has_ended(pid_t child)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS; i++) {
		if (waitpid(child, NULL, WNOHANG) == child)
			return true;
		usleep(10000);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return false;
}

/* No descendant of the hook, but in its cgroup: only that knows it. */
static void test_kill(void)
{
	static const char *const written[] = { "out-cgroup", NULL };
	pid_t outsider = fork();
	char text[1024];

	if (!outsider)
		for (;;)
			pause();
	clean_hooks();
	snprintf(text, sizeof(text), "echo %d >%s; cat /proc/self/cgroup >out-cgroup; sleep 1000",
		 (int)outsider, below("10-hook/cgroup.procs"));
	hook("10-hook", text);
	scratch_write("conf/10-hook.conf", RIG_TIMEOUT, 0644);
	begin_record(EVENT_CHANGED);
	run_hooks_until(written);
	expect("10-hook", OUTCOME_TIMED_OUT, 0, NULL);
	ok(strstr(scratch_read("out-cgroup"), "/10-hook\n"), "it has a cgroup of its name");
	ok(access(below("10-hook"), F_OK) || !rmdir(below("10-hook")), "which is empty afterwards");
	ok(has_ended(outsider), "all that was in there is ended");
}

/* What a hook leaves behind stays, is named, and is in nobody's way. */
static void test_leftover(void)
{
	static const char *const written[] = { "out-cgroup", "out-left", NULL };
	char text[128];
	int first;

	clean_hooks();
	hook("10-hook", "cat /proc/self/cgroup >out-cgroup; sleep 1000 >/dev/null 2>&1 &"
	     " until grep -q sleep /proc/$!/comm; do :; done; echo $! >out-left");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-hook", OUTCOME_SUCCEEDED, 0, NULL);
	first = atoi(scratch_read("out-left"));
	unlink(scratch_path("out-cgroup"));
	unlink(scratch_path("out-left"));
	hook("10-hook", "cat /proc/self/cgroup >out-cgroup; setsid sleep 1000 & echo $! >out-left; sleep 1000");
	scratch_write("conf/10-hook.conf", RIG_TIMEOUT, 0644);
	begin_record(EVENT_CHANGED);
	run_hooks_until(written);
	snprintf(text, sizeof(text), "10-hook: 1 processes of an earlier run are still running: sleep (%d)\n", first);
	expect("10-hook", OUTCOME_TIMED_OUT, 0, text);
	ok(strstr(scratch_read("out-cgroup"), "/10-hook.1\n"), "the next run has a cgroup all the same");
	ok(is_dead("out-left"), "that is ended with it");
	ok(!kill(first, 0), "what the first one left still goes on");
	(void)kill(first, SIGKILL);
}

static struct cgroup create(void)
{
	struct cgroup cgroup;

	if (cgroup_create("10-hook", &cgroup))
		scratch_give_up("cgroup");
	return cgroup;
}

static pid_t enter(const struct cgroup *cgroup)
{
	int fds[2];
	pid_t pid;
	char byte;

	if (pipe2(fds, O_CLOEXEC))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		if (cgroup_enter(cgroup->fd))
			_exit(1);
		/* As a hook, which gets neither. */
		close(cgroup->fd);
		close(cgroup->parent_fd);
		(void)!write(fds[1], "", 1);
		for (;;)
			pause();
	}
	close(fds[1]);
	equal(read(fds[0], &byte, 1), 1, "a process is in there");
	close(fds[0]);
	return pid;
}

/* Nobody lived to release it, so what is in there runs beside its next try. */
static void test_dead_keeper(void)
{
	struct cgroup held, other;
	struct leftover left;
	pid_t pid;

	held = create();
	pid = enter(&held);
	equal(cgroup_clear("10-hook", &left), 0, "clearing away");
	equal(left.n_processes, 0, "leaves out what is held");
	ok(!waitpid(pid, NULL, WNOHANG), "and ends nothing there");
	other = create();
	ok(strcmp(other.name, held.name), "two at once have two cgroups");
	equal(cgroup_clear("10-hook", &left), 0, "clearing away");
	ok(!access(below(other.name), F_OK), "leaves one that is held, and empty");
	cgroup_release(&other);
	close(held.fd);
	close(held.parent_fd);
	equal(cgroup_clear("10-other", &left), 0, "clearing away another's");
	ok(!waitpid(pid, NULL, WNOHANG), "ends nothing");
	equal(cgroup_clear("10-hook", &left), 0, "clearing away what nobody holds");
	equal(left.n_processes, 0, "leaves nothing");
	ok(has_ended(pid), "ends what is in there");
	equal(cgroup_clear("10-hook", &left), 0, "and once more");
	ok(access(below("10-hook"), F_OK), "removes it");
}

int main(void)
{
	rig_create();
	alarm(300);
	config.kill_grace_ms = 200;
	delegate();
	test_kill();
	test_leftover();
	test_dead_keeper();
	withdraw();
	rig_clear();
	return tap_done();
}
