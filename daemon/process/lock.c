/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name. The files are 0600: who can open one can also lock it, and
 * so keep the daemon from starting.
 */
#include <dirent.h>
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

#include "base/deadline.h"
#include "child.h"
#include "lock.h"

/* Of one process: vmgend has a dozen. */
enum { DESCRIPTORS_LIMIT = 256 };

static pid_t read_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? atoi(text) : 0;
}

/* Only a message needs it, so a full file system is no reason to give up. */
static void note_holder(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (!ftruncate(fd, 0))
		(void)!pwrite(fd, text, n, 0);
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

int lock_take_within(int fd, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t deadline = deadline_in(timeout_ms);
	int r;

	/* flock(2) knows no timeout, and a signal for one would be the whole process's. */
	while ((r = lock_take(fd, NULL)) == -EWOULDBLOCK && deadline_left(deadline))
		(void)nanosleep(&pause, NULL);
	return r;
}

/* A line of fdinfo of proc_pid_fdinfo(5), or not. */
static bool names_file(const char *line, const struct stat *st)
{
	unsigned int major_number, minor_number;
	unsigned long inode;

	return sscanf(line, "lock: %*d: FLOCK %*s %*s %*d %x:%x:%lu", &major_number, &minor_number,
		      &inode) == 3 &&
	       inode == st->st_ino && makedev(major_number, minor_number) == st->st_dev;
}

static bool has_lock(int dir_fd, const char *name, const struct stat *st)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	bool found = false;
	char line[256];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && fgets(line, sizeof(line), file))
		found = names_file(line, st);
	fclose(file);
	return found;
}

/*
 * Only what that process itself has open is read: anybody can make the list of
 * all locks, proc_locks(5), so long that it takes minutes.
 */
static int find_lock(pid_t pid, const struct stat *st)
{
	char path[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	for (i = 0; !found && i < DESCRIPTORS_LIMIT && (entry = readdir(dir)); i++)
		found = *entry->d_name != '.' && has_lock(dirfd(dir), entry->d_name, st);
	closedir(dir);
	return found ? 0 : -ESRCH;
}

int lock_holder(const char *directory, const char *name, pid_t *ret_holder)
{
	char path[PATH_MAX];
	struct stat st;
	pid_t pid;
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = fstat(fd, &st) ? -errno : 0;
	pid = r ? 0 : read_holder(fd);
	close(fd);
	if (!r)
		r = pid > 0 ? find_lock(pid, &st) : -ESRCH;
	if (!r)
		*ret_holder = pid;
	return r;
}

int lock_wait(int fd, pid_t *ret_child)
{
	pid_t pid = child_fork(fd);

	if (pid < 0)
		return pid;
	if (!pid) {
		(void)prctl(PR_SET_NAME, "vmgend-waiter");
		_exit(flock(CHILD_KEPT_FD, LOCK_EX) != 0);
	}
	*ret_child = pid;
	return 0;
}
