/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "ike.h"

/* Of systemd: slices in slices. */
enum { MOST_DEPTH = 5 };

static const struct timespec pause_of_looks = { .tv_nsec = 2000000 };

/* As Debian, Fedora and their like call them; strongSwan has had several names. */
static const char *const units[] = {
	"strongswan.service", "strongswan-starter.service", "strongswan-swanctl.service",
	"ipsec.service", "openiked.service", "iked.service", "racoon.service",
};

/* The last is where cgroups have no version 2. */
const char *const ike_mounts[] = {
	"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", NULL,
};

size_t ike_processes(const struct ike_unit *unit, pid_t ret_pids[IKE_PROCESSES_MAX])
{
	int fd = openat(unit->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid;
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	size_t n = 0;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	/* 0: in another PID name space. */
	while (fscanf(list, "%d", &pid) == 1)
		if (pid > 1 && n++ < IKE_PROCESSES_MAX)
			ret_pids[n - 1] = pid;
	fclose(list);
	return n;
}

static size_t signal_all(const struct ike_unit *unit, int number)
{
	pid_t pids[IKE_PROCESSES_MAX];
	size_t n = ike_processes(unit, pids), i;

	for (i = 0; i < n && i < IKE_PROCESSES_MAX; i++)
		(void)kill(pids[i], number);
	return n;
}

int ike_freeze(struct ike_unit *unit)
{
	int r = file_tell(unit->fd, "cgroup.freeze", "1");
	size_t before, n = 0;

	if (r != -ENOENT)
		return r;
	/* Cgroups of version 1. Who is stopped starts no others, so once more until all are. */
	do {
		before = n;
		n = signal_all(unit, SIGSTOP);
	} while (n > before);
	return 0;
}

/* As the kernel tells it after a name that may have any characters; 0: it has ended. */
static char state_of(pid_t pid)
{
	char path[64], text[256], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

/* Cgroups of version 1: all that have not ended are stopped. */
static bool is_stopped(const struct ike_unit *unit)
{
	pid_t pids[IKE_PROCESSES_MAX];
	size_t n = ike_processes(unit, pids), i;
	bool stopped = false;
	char state;

	for (i = 0; i < n && i < IKE_PROCESSES_MAX; i++) {
		state = state_of(pids[i]);
		if (state && !strchr("TZX", state))
			return false;
		stopped |= state == 'T';
	}
	return stopped;
}

int ike_is_frozen(const struct ike_unit *unit)
{
	int fd = openat(unit->fd, "cgroup.freeze", O_RDONLY | O_CLOEXEC);
	char value = '0';
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return is_stopped(unit);
	if (fd < 0)
		return -errno;
	n = read(fd, &value, 1);
	close(fd);
	return n < 0 ? -errno : value == '1';
}

int ike_kill(const struct ike_unit *unit, int64_t deadline)
{
	pid_t pids[IKE_PROCESSES_MAX];
	size_t n = ike_processes(unit, pids), i;
	int r = file_tell(unit->fd, "cgroup.kill", "1");

	/* Before Linux 5.14 one by one: they are frozen, so none is added. */
	if (r == -ENOENT)
		(void)signal_all(unit, SIGKILL);
	else if (r && r != -ENODEV)
		return r;
	/* Before its service manager runs a command of the unit's there. */
	(void)file_tell(unit->fd, "cgroup.freeze", "0");
	for (i = 0; i < n && i < IKE_PROCESSES_MAX; i++)
		while (!kill(pids[i], 0)) {
			if (!deadline_left(deadline))
				return -ETIMEDOUT;
			nanosleep(&pause_of_looks, NULL);
		}
	return 0;
}

static void look(int slice_fd, void (*found)(struct ike_unit *unit), struct ike_units *known)
{
	struct ike_unit unit;
	pid_t pids[IKE_PROCESSES_MAX];
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]) && known->n < IKE_UNITS_MAX; i++) {
		unit.name = units[i];
		unit.fd = openat(slice_fd, unit.name,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (unit.fd < 0)
			continue;
		if (!ike_processes(&unit, pids)) {
			close(unit.fd);
			continue;
		}
		if (found)
			found(&unit);
		known->unit[known->n++] = unit;
	}
}

static bool is_slice(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	/* In that of users others may make cgroups, and no daemon of the system's. */
	return entry->d_type == DT_DIR && end && !strcmp(end, ".slice") &&
	       strcmp(entry->d_name, "user.slice");
}

/* Takes the descriptor. */
static void walk(int fd, int depth, void (*found)(struct ike_unit *unit), struct ike_units *known)
{
	struct dirent *entry;
	DIR *slice;
	int below;

	look(fd, found, known);
	slice = depth ? fdopendir(fd) : NULL;
	if (!slice) {
		close(fd);
		return;
	}
	while ((entry = readdir(slice))) {
		if (!is_slice(entry))
			continue;
		below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			walk(below, depth - 1, found, known);
	}
	closedir(slice);
}

void ike_find(const char *const *mounts, void (*found)(struct ike_unit *unit),
	      struct ike_units *ret_units)
{
	int fd;

	ret_units->n = 0;
	/* The first one that has any: the others show the same processes. */
	for (; *mounts && !ret_units->n; mounts++) {
		fd = open(*mounts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			walk(fd, MOST_DEPTH, found, ret_units);
	}
}

void ike_release(struct ike_units *units_found)
{
	while (units_found->n)
		close(units_found->unit[--units_found->n].fd);
}

bool ike_add_namespace(struct ike_namespaces *namespaces, ino_t inode)
{
	size_t i;

	for (i = 0; i < namespaces->n; i++)
		if (namespaces->inode[i] == inode)
			return false;
	if (namespaces->n == IKE_NAMESPACES_MAX)
		return false;
	namespaces->inode[namespaces->n++] = inode;
	return true;
}

void ike_find_namespaces(const struct ike_units *units_found, struct ike_namespaces *ret_namespaces)
{
	pid_t pids[IKE_PROCESSES_MAX];
	struct stat st;
	char path[64];
	size_t i, j, n;

	ret_namespaces->n = 0;
	for (i = 0; i < units_found->n; i++) {
		n = ike_processes(&units_found->unit[i], pids);
		for (j = 0; j < n && j < IKE_PROCESSES_MAX; j++) {
			snprintf(path, sizeof(path), "/proc/%d/ns/net", pids[j]);
			if (!stat(path, &st))
				ike_add_namespace(ret_namespaces, st.st_ino);
		}
	}
}

bool ike_is_in(const struct ike_namespaces *namespaces)
{
	struct stat st;
	size_t i;

	if (stat("/proc/thread-self/ns/net", &st))
		return false;
	for (i = 0; i < namespaces->n; i++)
		if (namespaces->inode[i] == st.st_ino)
			return true;
	return false;
}
