/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tests of guards share: a whole vmgend on a device that is played, with
 * hooks, and a log.
 */
#ifndef GUARDED_H
#define GUARDED_H

#include "played.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/compat.h"
#include "clock.h"
#include "tap.h"

/* In memory that all processes share. */
static struct {
	bool no_fork, interrupted, guardian_locks;
	/* How often vmgend has heard of its guardian that guards have begun. */
	unsigned int n_begun;
} *shared;

/* Instead of libc's. */
pid_t fork(void)
{
	if (shared && shared->no_fork) {
		errno = EAGAIN;
		return -1;
	}
	return _Fork();
}

/* Instead of libc's: the guardian may have to wait for a lock. */
int flock(int fd, int operation)
{
	char name[16] = "";

	if (shared && !prctl(PR_GET_NAME, name) && !strcmp(name, "vmgend-guardian"))
		shared->guardian_locks = true;
	return syscall(SYS_flock, fd, operation);
}

/* Instead of libc's, to see what vmgend hears. */
ssize_t recv(int fd, void *data, size_t size, int flags)
{
	const struct guardian_message *message = data;
	ssize_t n = syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);

	if (shared && n == sizeof(*message) && message->word == GUARDIAN_BEGUN)
		__sync_fetch_and_add(&shared->n_begun, 1);
	return n;
}

static inline bool comes(const char *file, const char *text)
{
	return scratch_comes(file, text);
}

static inline bool appears(const char *file)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS && access(scratch_path("%s", file), F_OK); i++)
		usleep(10000);
	return i < SCRATCH_LOOKS;
}

static inline void hook(const char *name, const char *text)
{
	char path[NAME_MAX + 8], script[PATH_MAX + 512];

	/* As a package does: the whole file comes to its place at once. */
	snprintf(script, sizeof(script), "#!/bin/sh\ncd %s\n%s\n", scratch_directory, text);
	scratch_write("new-hook", script, 0755);
	snprintf(path, sizeof(path), "hooks/%s", name);
	if (rename(scratch_path("new-hook"), scratch_path("%s", path)))
		scratch_give_up(name);
}

static inline void remove_hook(const char *name)
{
	(void)unlink(scratch_path("hooks/%s", name));
}

static inline pid_t begin(void)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	pid_t pid;

	dup2(fd, STDERR_FILENO);
	close(fd);
	pid = start_vmgend();
	dup2(saved, STDERR_FILENO);
	close(saved);
	return pid;
}

static inline void end(pid_t pid)
{
	if (!equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "vmgend ends"))
		printf("# %.6000s\n", scratch_read("log"));
}

/* Of a child of vmgend; 0: there is none. */
static inline pid_t child_named(pid_t parent, const char *name)
{
	char path[64], text[256];
	pid_t found = 0, pid;
	FILE *children, *comm;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	children = fopen(path, "re");
	while (children && !found && fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		comm = fopen(path, "re");
		if (comm && fgets(text, sizeof(text), comm) && !strncmp(text, name, strlen(name)))
			found = pid;
		if (comm)
			fclose(comm);
	}
	if (children)
		fclose(children);
	return found;
}

/* Until the guardian that has this generation in sight stands by with its guards. */
static inline pid_t wait_for_guardian(pid_t vmgend, pid_t other_than)
{
	pid_t guardian = 0, keeper = 0;
	int i;

	for (i = 0; i < SCRATCH_LOOKS && !keeper; i++) {
		guardian = child_named(vmgend, "vmgend-guardian");
		if (guardian && guardian != other_than)
			keeper = child_named(guardian, "vmgend-keeper");
		usleep(10000);
	}
	return keeper ? guardian : 0;
}

/* By another process: a vmgend that is started inherits what this one has open. */
static inline pid_t lock_state(void)
{
	int fds[2], fd;
	pid_t pid;
	char c;

	if (pipe(fds) || (pid = fork()) < 0)
		scratch_give_up("state");
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(scratch_path("state"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX) || write(fds[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1)
		scratch_give_up("state");
	close(fds[0]);
	return pid;
}

static inline void unlock_state(pid_t holder)
{
	(void)kill(holder, SIGKILL);
	(void)waitpid(holder, NULL, 0);
}

static inline void expect_guard(const char *text, const char *name)
{
	if (!ok(comes("guard", text), "%s", name))
		printf("# %s\n# %.6000s\n", scratch_read("guard"), scratch_read("log"));
	(void)unlink(scratch_path("guard"));
}

/* What the next change writes to the file "guard", or its generation alone. */
static inline const char *next(const char *prefix)
{
	static char text[2][32];
	static int i;

	i = !i;
	snprintf(text[i], sizeof(text[i]), "%s%d", prefix, (int)device->generation + 1);
	return text[i];
}

static inline void wait_for_state(pid_t pid, char state)
{
	char path[32], text[512], *rest;
	FILE *file;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (i = 0; i < SCRATCH_LOOKS; i++) {
		file = fopen(path, "re");
		rest = file && fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
		if (file)
			fclose(file);
		if (rest && rest[2] == state)
			return;
		usleep(10000);
	}
}

static inline void guarded_create(void)
{
	char text[4 * PATH_MAX];

	scratch_create();
	clock_create();
	played_create();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		scratch_give_up("memory");
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("settings", 0755);
	scratch_mkdir("state", 0700);
	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nfork-sentinels=no\nhook-settings=%s\nhook-path=%s\nintent-file=%s\nseed-file=%s\n",
		 scratch_path("settings"), scratch_path("hooks"), scratch_path("intent"), scratch_path("seed"));
	scratch_write("conf", text, 0644);
	hook("10-guard", "echo $VMGEN_EVENT $VMGEN_GENERATION >>guard");
}

#endif /* GUARDED_H */
