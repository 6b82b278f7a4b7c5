/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "candidate.h"

/* As the kernel writes it behind the path of a file that has another in its place now. */
#define DELETED	" (deleted)"

static bool is_roots(const struct stat *st)
{
	return !st->st_uid && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool only_root_writes(const char *path)
{
	char above[PATH_MAX];
	struct stat st;
	char *slash;

	if (*path != '/' || strlen(path) >= sizeof(above))
		return false;
	if (lstat(path, &st) || !S_ISREG(st.st_mode) || !is_roots(&st))
		return false;
	strcpy(above, path);
	while ((slash = strrchr(above, '/'))) {
		slash[slash == above] = '\0';
		if (lstat(above, &st) || !S_ISDIR(st.st_mode) || !is_roots(&st))
			return false;
		if (slash == above)
			return true;
	}
	return false;
}

int program_open(const char *path, struct program *ret_program)
{
	char *real = realpath(path, NULL);
	struct stat st;
	int r;

	if (!real)
		return -errno;
	r = stat(real, &st) ? -errno : only_root_writes(real) ? 0 : -EPERM;
	if (r) {
		free(real);
		return r;
	}
	*ret_program = (struct program){ .path = real, .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

void program_close(struct program *program)
{
	free(program->path);
}

/* Whether it has the rights of root, or of the user also, and of nobody else. */
static bool has_user(pid_t pid, uid_t also, pid_t *ret_parent)
{
	unsigned int id[4];
	char path[64], line[256];
	bool found = false;
	pid_t parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	/* Its name comes first, in which the kernel writes a line break as two letters. */
	while (!found && fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "PPid: %d", &parent);
		/* Real, effective, saved and that of file systems. */
		found = sscanf(line, "Uid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4;
	}
	fclose(file);
	if (!found || (id[0] && (!also || id[0] != also)) || id[1] != id[0] || id[2] != id[0] ||
	    id[3] != id[0])
		return false;
	*ret_parent = parent;
	return true;
}

static bool shares_namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat its, own;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	if (stat(path, &its))
		return false;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return !stat(path, &own) && its.st_dev == own.st_dev && its.st_ino == own.st_ino;
}

/* An upgrade puts another file there, and leaves the process with the one before. */
static bool was_replaced(const char *exe, const struct stat *st, const struct program *program)
{
	size_t length = strlen(program->path);
	char target[PATH_MAX];
	ssize_t n = readlink(exe, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return !strncmp(target, program->path, length) && !strcmp(target + length, DELETED) &&
	       !st->st_nlink && is_roots(st);
}

/* Only of one that root or a user that root names runs: a stranger's file may never answer. */
static bool executes(pid_t pid, const struct program *program)
{
	char exe[64];
	struct stat st;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	if (stat(exe, &st))
		return false;
	return (st.st_dev == program->dev && st.st_ino == program->ino) ||
	       was_replaced(exe, &st, program);
}

int process_hold(pid_t pid, const struct program *program, uid_t also, struct process *ret_process)
{
	struct process process = { .pid = pid, .fd = syscall(SYS_pidfd_open, pid, 0) };

	if (process.fd < 0)
		return -errno;
	if (has_user(pid, also, &process.parent) && shares_namespace(pid, "user") &&
	    shares_namespace(pid, "pid") && shares_namespace(pid, "net") &&
	    executes(pid, program)) {
		process.own_mounts = !shares_namespace(pid, "mnt");
		/* While it lives nothing else has its number, so all of that was told of it. */
		if (!process_signal(&process, 0)) {
			*ret_process = process;
			return 0;
		}
	}
	close(process.fd);
	return -ESRCH;
}

void process_release(struct process *process)
{
	close(process->fd);
}

int process_signal(const struct process *process, int number)
{
	return syscall(SYS_pidfd_send_signal, process->fd, number, NULL, 0) ? -errno : 0;
}

int process_await_end(const struct process *process, int milliseconds)
{
	struct pollfd end = { .fd = process->fd, .events = POLLIN };
	int n = poll(&end, 1, milliseconds);

	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}
