/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A guard: what a Samba domain controller writes from now on would clash with what
 * it wrote in the lost time, so it must not write. Freezes it, and
 * leaves the rest to vmgend-samba-ad, whose interpreter takes its time to begin.
 * 50-samba-ad repairs it and lets it go on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "freezer.h"
#include "keys/standby.h"
#include "process/child.h"

#define PYTHON		"/usr/bin/python3"
#define SAMBA		"/usr/sbin/samba"
#define PROGRAM		"vmgend-samba-ad"

enum {
	FAILED = 1,
	NOT_APPLICABLE = 77,
};

static const char usual_unit[] = "samba-ad-dc.service";
/* Files with the names of units: those that have started a controller since the boot. */
#define STARTED		"/run/vmgen/samba-ad"
/* And those that are configured, on a disk that may not answer. */
#define CONFIGURED	"/etc/vmgen/samba-ad.d"
/* BIND, which may work on Samba's database. */
static const char *const dns_units[] = {
	"named.service", "bind9.service", "named-chroot.service",
};

static struct {
	bool drill;
	/* Some unit runs. */
	bool found;
} work;

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && !strcmp(text + length - end_length, end);
}

/* What is not there does not run, and what cannot be frozen the program stops. */
static void freeze_group(int directory_fd)
{
	if (!freezer_is_possible(directory_fd))
		return;
	work.found = true;
	if (!work.drill)
		(void)freezer_set(directory_fd, true);
}

static void freeze_unit(int slice_fd, const char *unit)
{
	int fd = freezer_find(slice_fd, unit);

	if (fd < 0)
		return;
	freeze_group(fd);
	close(fd);
}

static void freeze_listed(int slice_fd, const char *directory)
{
	DIR *units = opendir(directory);
	struct dirent *entry;

	if (!units)
		return;
	while ((entry = readdir(units)))
		if (ends_with(entry->d_name, ".service"))
			freeze_unit(slice_fd, entry->d_name);
	closedir(units);
}

/* Has some sam.ldb open, or a partition of one? */
static bool has_database(const char *pid)
{
	char path[300], target[4096];
	struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	if (!fds)
		return false;
	while (!found && (entry = readdir(fds))) {
		n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = ends_with(target, "/sam.ldb") || strstr(target, "/sam.ldb.d/");
	}
	closedir(fds);
	return found;
}

static bool some_has_database(int group_fd)
{
	int fd = openat(group_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *processes = fd < 0 ? NULL : fdopen(fd, "r");
	bool found = false;
	char line[32];

	if (!processes) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && fgets(line, sizeof(line), processes)) {
		line[strcspn(line, "\n")] = '\0';
		found = has_database(line);
	}
	fclose(processes);
	return found;
}

static void freeze_dns(int slice_fd, const char *unit)
{
	int fd = openat(slice_fd, unit, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (some_has_database(fd))
		freeze_group(fd);
	close(fd);
}

static void freeze(void)
{
	int slice_fd = freezer_open(FREEZER_SYSTEM);
	size_t i;

	if (slice_fd < 0)
		return;
	freeze_unit(slice_fd, usual_unit);
	freeze_listed(slice_fd, STARTED);
	for (i = 0; i < sizeof(dns_units) / sizeof(dns_units[0]); i++)
		freeze_dns(slice_fd, dns_units[i]);
	freeze_listed(slice_fd, CONFIGURED);
	close(slice_fd);
}

/* Returns whether there is something. */
static bool read_start(int process_fd, const char *name, char *ret_text, size_t size)
{
	int fd = openat(process_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size - 1);

	if (fd >= 0)
		close(fd);
	ret_text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/*
 * A process that calls itself Samba, wherever it lies, and that root has started: anyone's
 * can have the name, and also files in /proc that are root's.
 */
static bool is_samba(int process_fd)
{
	char name[32], status[4096], *user;

	if (!read_start(process_fd, "comm", name, sizeof(name)) ||
	    (strcmp(name, "samba\n") && strncmp(name, "samba:", strlen("samba:"))) ||
	    !read_start(process_fd, "status", status, sizeof(status)))
		return false;
	user = strstr(status, "\nUid:\t");
	return user && !strncmp(user, "\nUid:\t0\t", strlen("\nUid:\t0\t"));
}

static bool is_installed(void)
{
	DIR *processes;
	struct dirent *entry;
	bool found = work.found || !access(SAMBA, X_OK);
	int fd;

	processes = found ? NULL : opendir("/proc");
	if (!processes)
		return found;
	while (!found && (entry = readdir(processes))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		fd = openat(dirfd(processes), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		found = is_samba(fd);
		close(fd);
	}
	closedir(processes);
	return found;
}

static int go_on(void)
{
	static char name[] = PROGRAM, command[] = "stop", *arguments[] = { name, command, NULL };

	/* It is written in Python, which may be missing where there is no Samba. */
	if (access(PYTHON, X_OK)) {
		if (!is_installed()) {
			printf("Samba is not installed\n");
			return NOT_APPLICABLE;
		}
		printf("Python is missing: install the packages python3 and python3-samba\n");
		return FAILED;
	}
	/* Nothing is urgent any more. */
	child_become_ordinary(false);
	execvp(PROGRAM, arguments);
	printf("%s cannot be executed: %s\n", PROGRAM, strerror(errno));
	return FAILED;
}

int main(void)
{
	const char *name;
	enum event event;
	int r = standby_wait();

	if (r == -ENODATA)
		return 0;
	if (r) {
		printf("cannot stand by: %s\n", strerror(-r));
		return FAILED;
	}
	name = getenv("VMGEN_EVENT");
	work.drill = name && !event_parse(name, &event) && event == EVENT_TEST;
	freeze();
	return go_on();
}
