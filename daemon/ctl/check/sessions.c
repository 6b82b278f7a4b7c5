/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * File systems and disks that come over the network and are encrypted on the way.
 */
#include "sessions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_SIZE = 8192,
	MOUNTS_LIMIT = 8 << 20,
	MAX_DEVICES = 4096,
};

const char *sessions_mounts = "/proc/self/mountinfo";
const char *sessions_sysfs = "/sys";

/* What these have as an option, whole, means that they are encrypted. */
static const struct {
	const char *type, *option;
	enum sessions_kind kind;
} encrypted[] = {
	{ "nfs", "xprtsec=tls", SESSIONS_NFS },
	{ "nfs", "xprtsec=mtls", SESSIONS_NFS },
	{ "nfs4", "xprtsec=tls", SESSIONS_NFS },
	{ "nfs4", "xprtsec=mtls", SESSIONS_NFS },
	{ "ceph", "ms_mode=secure", SESSIONS_CEPH },
	{ "ceph", "ms_mode=prefer-secure", SESSIONS_CEPH },
};

const char *sessions_text(enum sessions_kind kind)
{
	static const char *const texts[] = {
		[SESSIONS_NFS] = "NFS mounts with TLS",
		[SESSIONS_CEPH] = "Ceph mounts in secure mode",
		[SESSIONS_RBD] = "Ceph block devices in secure mode",
		[SESSIONS_NVME] = "NVMe controllers with TLS",
	};

	return texts[kind];
}

static void add(struct sessions *sessions, enum sessions_kind kind, const char *name)
{
	char *names = sessions->kinds[kind].names;
	size_t used = strlen(names);

	sessions->kinds[kind].count++;
	if (used && names[used - 1] == '.')
		return;
	if (used + strlen(name) + 8 < SESSIONS_NAMES_SIZE)
		sprintf(names + used, "%s%s", used ? ", " : "", name);
	else
		strcpy(names + used, used ? ", ..." : "...");
}

static bool has_option(const char *options, const char *option)
{
	size_t length = strlen(option), n;

	for (; *options; options += n + (options[n] == ',')) {
		n = strcspn(options, ",\n");
		if (n == length && !strncmp(options, option, n))
			return true;
		if (options[n] == '\n')
			return false;
	}
	return false;
}

/* "36 35 0:42 / /mnt rw - nfs4 server:/export rw,xprtsec=tls": blanks within fields are escaped. */
static void take_mount(struct sessions *sessions, const char *line)
{
	const char *rest = strstr(line, " - "), *options;
	char place[LINE_SIZE], type[64];
	size_t i;

	if (!rest || sscanf(line, "%*u %*u %*s %*s %8191s", place) != 1 ||
	    sscanf(rest, " - %63s", type) != 1)
		return;
	options = strrchr(line, ' ');
	for (i = 0; i < sizeof(encrypted) / sizeof(encrypted[0]); i++)
		if (!strcmp(type, encrypted[i].type) && has_option(options + 1, encrypted[i].option))
			add(sessions, encrypted[i].kind, place);
}

static int look_at_mounts(struct sessions *sessions)
{
	FILE *file = fopen(sessions_mounts, "re");
	size_t limit = MOUNTS_LIMIT, length;
	char line[LINE_SIZE];
	bool begins = true;
	int r = 0;

	if (!file)
		return -errno;
	while (!r && fgets(line, sizeof(line), file)) {
		length = strlen(line);
		if (length > limit) {
			r = -EFBIG;
		} else {
			limit -= length;
			/* The rest of a longer line is none. */
			if (begins)
				take_mount(sessions, line);
			begins = length && line[length - 1] == '\n';
		}
	}
	fclose(file);
	return r;
}

/* Reads a file of a device; "": it has none, or only root may. */
static void read_attribute(int directory, const char *device, const char *name, char *text,
			   size_t size)
{
	char path[2 * NAME_MAX];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", device, name);
	fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* Options stand in one of the words that the device was made with. */
static bool is_secure_rbd(char *config)
{
	char *word, *rest;

	for (word = strtok_r(config, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (has_option(word, "ms_mode=secure") || has_option(word, "ms_mode=prefer-secure"))
			return true;
	return false;
}

static void look_at_devices(struct sessions *sessions, enum sessions_kind kind, const char *path,
			    const char *attribute)
{
	char whole[PATH_MAX], text[4096];
	unsigned int n = 0;
	struct dirent *entry;
	DIR *directory;

	snprintf(whole, sizeof(whole), "%s/%s", sessions_sysfs, path);
	directory = opendir(whole);
	while (directory && n++ < MAX_DEVICES && (entry = readdir(directory))) {
		if (*entry->d_name == '.')
			continue;
		read_attribute(dirfd(directory), entry->d_name, attribute, text, sizeof(text));
		if (*text && (kind != SESSIONS_RBD || is_secure_rbd(text)))
			add(sessions, kind, entry->d_name);
	}
	if (directory)
		closedir(directory);
}

void sessions_look(struct sessions *ret_sessions)
{
	*ret_sessions = (struct sessions){ .error = 0 };
	ret_sessions->error = look_at_mounts(ret_sessions);
	look_at_devices(ret_sessions, SESSIONS_RBD, "bus/rbd/devices", "config_info");
	/* A controller without TLS has no such file. */
	look_at_devices(ret_sessions, SESSIONS_NVME, "class/nvme", "tls_key");
}
