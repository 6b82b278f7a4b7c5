/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * chore NAME: what the hooks of a test do. It is their interpreter:
 *
 *	#!/bin/chore 10-a
 *
 * Leaves "start NAME HASH EVENT" in a log, takes a while, leaves "end NAME
 * HASH EVENT", and each line is on disk before it goes on. So what the log says
 * of a hook is true no matter who was killed and when the power failed. It leaves
 * "beside NAME HASH EVENT" if an older one of that name is not gone.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define LOG "/log/hooks"

enum { LONGEST_US = 40000 };

static void leave(const char *what, const char *name, const char *event)
{
	const char *hash = getenv("VMGEN_ID_HASH");
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CREAT, 0600);
	char line[256];
	int length = snprintf(line, sizeof(line), "%s %s %s %s\n", what, name,
			      hash ? hash : "none", event);

	/* In one piece: others write to it as well. */
	if (fd < 0 || write(fd, line, length) != length || fsync(fd)) {
		perror(LOG);
		exit(1);
	}
	close(fd);
}

/* The lock goes with the process. */
static bool is_alone(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/chore-%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
}

int main(int argc, char **argv)
{
	unsigned int draw;

	/* NAME, the path of the hook, and what vmgend passes to a hook. */
	if (argc != 5)
		return 2;
	if (getrandom(&draw, sizeof(draw), 0) != sizeof(draw))
		return 1;
	if (!is_alone(argv[1]))
		leave("beside", argv[1], argv[3]);
	leave("start", argv[1], argv[3]);
	usleep(draw % LONGEST_US);
	leave("end", argv[1], argv[3]);
	return 0;
}
