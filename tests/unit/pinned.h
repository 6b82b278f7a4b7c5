/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Pins programs, and asks the kernel what is locked by that.
 */
#ifndef PINNED_H
#define PINNED_H

#include "guard/pin.h"
#include "guard/pinset.h"
#include "scratch.h"

/* Is a part of /proc/self/smaps, from the line of the mapping on, of a file that is locked? */
static inline bool is_locked_map(const char *map, const struct stat *st)
{
	char device[32];
	unsigned long inode, locked;
	const char *line = strstr(map, "\nLocked:");

	return sscanf(map, "%*s %*s %*s %31s %lu", device, &inode) == 2 && inode == st->st_ino &&
	       line && sscanf(line, "\nLocked: %lu", &locked) == 1 && locked;
}

/* Does this process hold the file that the path leads to locked in its memory? */
static inline bool is_locked(const char *path)
{
	static char text[1 << 20];
	FILE *file = fopen("/proc/self/smaps", "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	struct stat st;
	char *map = text, *end;
	bool found = false;

	if (!n)
		scratch_give_up("smaps");
	fclose(file);
	if (stat(path, &st))
		return false;
	text[n] = '\0';
	for (; !found && (end = strstr(map, "\nVmFlags:")); map = strchr(end + 1, '\n') + 1) {
		*end = '\0';
		found = is_locked_map(map, &st);
	}
	return found;
}

/* Pins a program by a descriptor as the daemon has it. */
static inline int pin(const char *path, struct pins **pins)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd < 0)
		scratch_give_up(path);
	r = pin_program(fd, path, pins);
	close(fd);
	return r;
}

#endif /* PINNED_H */
