/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tells when hooks may have changed. Each directory from the root on is watched,
 * because a hook counts only if nobody but root can change any of them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hookwatch.h"

enum {
	SELF = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
	ENTRIES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE,
};

/* A directory, and the one name in it that matters; an empty name: all do. */
struct place {
	int wd;
	char name[NAME_MAX + 1];
};

static int add(struct hookwatch *watch, const char *directory, const char *name, size_t length)
{
	struct place *grown;
	int wd;

	if (length > NAME_MAX)
		return 0;
	wd = inotify_add_watch(watch->fd, directory, SELF | ENTRIES);
	if (wd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	grown = reallocarray(watch->places, watch->n_places + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	watch->places = grown;
	grown += watch->n_places++;
	grown->wd = wd;
	memcpy(grown->name, name, length);
	grown->name[length] = '\0';
	return 0;
}

/* path: absolute, and may have ':' behind it. */
static int add_path(struct hookwatch *watch, const char *path)
{
	size_t end = strcspn(path, ":"), at = 0, length;
	char directory[PATH_MAX] = "/";
	int r = 0;

	if (end >= sizeof(directory))
		return 0;
	while (!r && at < end) {
		at += strspn(path + at, "/");
		length = strcspn(path + at, "/:");
		r = add(watch, directory, path + at, length);
		at += length;
		memcpy(directory, path, at);
		directory[at] = '\0';
	}
	return r ? r : add(watch, directory, "", 0);
}

int hookwatch_init(struct hookwatch *watch, const struct config *config)
{
	const char *path = config->hook_path;
	int r;

	*watch = (struct hookwatch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (watch->fd < 0)
		return -errno;
	r = add_path(watch, config->hook_settings_dir);
	while (!r && path) {
		r = add_path(watch, path);
		path = strchr(path, ':');
		path += path != NULL;
	}
	if (r)
		hookwatch_clear(watch);
	return r;
}

void hookwatch_clear(struct hookwatch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->places);
	*watch = (struct hookwatch){ .fd = -1 };
}

static bool concerns(const struct hookwatch *watch, const struct inotify_event *event)
{
	size_t i;

	/* What was lost may have been anything. */
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		return true;
	for (i = 0; i < watch->n_places; i++)
		if (watch->places[i].wd == event->wd &&
		    (!event->len || !*watch->places[i].name ||
		     !strcmp(watch->places[i].name, event->name)))
			return true;
	return false;
}

bool hookwatch_read(struct hookwatch *watch)
{
	union {
		struct inotify_event event;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} buffer;
	const struct inotify_event *event;
	bool found = false;
	ssize_t n, at;

	while ((n = read(watch->fd, &buffer, sizeof(buffer))) > 0)
		for (at = 0; at < n; at += sizeof(*event) + event->len) {
			event = (const void *)(buffer.bytes + at);
			found |= concerns(watch, event);
		}
	return found;
}
