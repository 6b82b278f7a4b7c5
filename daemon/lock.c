/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name. The files are 0600: who can open one can also lock it, and
 * so keep the daemon from starting.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "process.h"

static pid_t read_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? atoi(text) : 0;
}

/* Only a message needs it, so a full file system is no reason to give up. */
static void note_holder(int fd)
{
	if (!ftruncate(fd, 0))
		(void)dprintf(fd, "%d\n", (int)getpid());
}

int lock_open(const char *directory, const char *name, int *ret_fd)
{
	int dir_fd, fd, r = 0;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	dir_fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		r = -errno;
	close(dir_fd);
	if (!r)
		*ret_fd = fd;
	return r;
}

int lock_take(int fd, pid_t *ret_holder)
{
	int r;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno == EINTR)
			continue;
		r = -errno;
		if (r == -EWOULDBLOCK && ret_holder)
			*ret_holder = read_holder(fd);
		return r;
	}
	note_holder(fd);
	return 0;
}

int lock_share(int fd)
{
	while (flock(fd, LOCK_SH | LOCK_NB))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int lock_take_within(int fd, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t deadline = now_ms() + timeout_ms;
	int r;

	/* flock(2) knows no time-out, and a signal for one would be the whole process's. */
	while ((r = lock_take(fd, NULL)) == -EWOULDBLOCK && now_ms() < deadline)
		(void)nanosleep(&pause, NULL);
	return r;
}

/* One line of proc_locks(5): who waits for a lock has "->" in front of its kind. */
static bool names_file(const char *line, const struct stat *st, pid_t *ret_holder)
{
	unsigned int major_number, minor_number;
	unsigned long inode;
	int holder;

	if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &holder, &major_number,
		   &minor_number, &inode) != 4 ||
	    inode != st->st_ino || makedev(major_number, minor_number) != st->st_dev)
		return false;
	*ret_holder = holder;
	return true;
}

int lock_holder(const char *directory, const char *name, pid_t *ret_holder)
{
	char path[PATH_MAX], line[256];
	bool found = false;
	struct stat st;
	FILE *locks;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (stat(path, &st))
		return errno == ENOENT ? -ESRCH : -errno;
	locks = fopen("/proc/locks", "re");
	if (!locks)
		return -errno;
	while (!found && fgets(line, sizeof(line), locks))
		found = names_file(line, &st, ret_holder);
	fclose(locks);
	return found ? 0 : -ESRCH;
}

int lock_wait(int fd, pid_t *ret_child)
{
	pid_t pid = process_fork_helper(fd);

	if (pid < 0)
		return pid;
	if (!pid) {
		(void)prctl(PR_SET_NAME, "vmgend-waiter");
		_exit(flock(PROCESS_KEPT_FD, LOCK_EX) != 0);
	}
	*ret_child = pid;
	return 0;
}
