/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Units that keep session keys in their processes. A cgroup below a slice of the system's is
 * made by the service manager for a unit that root has written; processes have no say in it.
 */
#include "tunnels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/unitlist.h"
#include "base/unitname.h"
#include "ctl/systemd/manager.h"

enum {
	/* slice within slice. */
	MAX_DEPTH = 8,
	MAX_ENTRIES = 1 << 14,
	OUTPUT_SIZE = 1 << 14,
};

const char *tunnels_cgroups = "/sys/fs/cgroup";
const char *tunnels_list = UNITLIST_RESTART;

/*
 * As Debian ships them, and Tailscale its own; with '@' any instance of it. They send
 * datagrams, or are not ended by what ends TCP connections. Not those whose ExecStop= ends
 * them in their own way.
 */
static const char *const kinds[] = {
	"edge", "edge-ntopng@", "edge@", "fastd@", "nebula@", "ocserv", "openvpn-client@",
	"openvpn-server@", "openvpn3-session@", "openvpn@", "pptpd", "tailscaled", "tinc@", "vpnc@",
	"yggdrasil",
};

struct walk {
	struct tunnels *tunnels;
	unsigned int n_entries;
	bool cut;
};

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && !strcmp(name + length - end_length, end);
}

bool tunnels_has(const char *unit)
{
	return unitname_is_among(unit, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

static void take_tunnel(const char *unit, struct tunnels *tunnels)
{
	if (!tunnels_has(unit))
		return;
	if (tunnels->n < TUNNELS_MAX)
		snprintf(tunnels->units[tunnels->n++].unit, NAME_MAX + 1, "%s", unit);
	else
		tunnels->more = true;
}

/* What version 1 of cgroups has not got is there only as long as there are processes. */
static bool is_populated(int directory)
{
	int fd = openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[256];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "populated 1");
}

static void walk_slice(struct walk *walk, int fd, unsigned int depth)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;
	int child;

	if (!directory) {
		close(fd);
		return;
	}
	while ((entry = readdir(directory)) && !walk->cut) {
		bool slice = ends_with(entry->d_name, ".slice");

		walk->cut = ++walk->n_entries > MAX_ENTRIES;
		/* Below it users make cgroups of their own. */
		if ((!slice && !ends_with(entry->d_name, ".service")) ||
		    !strcmp(entry->d_name, "user.slice"))
			continue;
		child = openat(dirfd(directory), entry->d_name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			continue;
		if (slice && depth < MAX_DEPTH) {
			walk_slice(walk, child, depth + 1);
			continue;
		}
		if (!slice && is_populated(child))
			take_tunnel(entry->d_name, walk->tunnels);
		close(child);
	}
	closedir(directory);
}

/* Of version 2, or where the service manager has its own beside version 1. */
static void walk_services(struct walk *walk)
{
	static const char *const roots[] = { "", "/unified", "/systemd" };
	char path[PATH_MAX];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, sizeof(path), "%s%s/system.slice", tunnels_cgroups, roots[i]);
		if (access(path, F_OK))
			continue;
		*strrchr(path, '/') = '\0';
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			walk_slice(walk, fd, 0);
		return;
	}
}

/* ---- what is restarted, and how ---- */

static size_t read_list(struct tunnels *tunnels)
{
	static struct unitlist list;
	const struct unitlist_entry *entry;
	size_t i, n = 0;

	/* What the hook does not use says it. */
	unitlist_read(tunnels_list, UNITLIST_AUTO, &list);
	for (i = 0; i < tunnels->n; i++) {
		entry = unitlist_find(&list, tunnels->units[i].unit);
		/* "auto" is never for them. */
		tunnels->units[i].listed = entry && !entry->excepted;
		n += tunnels->units[i].listed;
	}
	return n;
}

/* Blocks of "Id=U" and "RestartKillSignal=9". */
static void take_signals(struct tunnels *tunnels, const char *output)
{
	char unit[NAME_MAX + 1], block[1024];
	size_t i;

	while (manager_block(&output, block, sizeof(block))) {
		manager_value(block, "Id", unit, sizeof(unit));
		for (i = 0; i < tunnels->n; i++)
			if (!strcmp(unit, tunnels->units[i].unit) &&
			    manager_is(block, "RestartKillSignal", "9"))
				tunnels->units[i].killed = true;
	}
}

static void ask_manager(struct tunnels *tunnels)
{
	const char *argv[TUNNELS_MAX + 8] = {
		"systemctl", "show", "--property=Id", "--property=RestartKillSignal", "--",
	};
	char output[OUTPUT_SIZE];
	size_t i, n = 5;
	int r;

	for (i = 0; i < tunnels->n; i++)
		if (tunnels->units[i].listed)
			argv[n++] = tunnels->units[i].unit;
	r = manager_run(argv, MANAGER_QUICK_MS, output, sizeof(output));
	if (!r)
		take_signals(tunnels, output);
	else
		tunnels->error = r < 0 ? r : -EIO;
}

void tunnels_look(struct tunnels *ret_tunnels)
{
	struct walk walk = { .tunnels = ret_tunnels };

	*ret_tunnels = (struct tunnels){ .n = 0 };
	walk_services(&walk);
	ret_tunnels->more |= walk.cut;
	if (read_list(ret_tunnels))
		ask_manager(ret_tunnels);
}
