/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waiting for somebody to wait.
 */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Until a process sleeps: it waits for what this test has for it. */
static inline void until_asleep(pid_t pid)
{
	char path[32], text[512], *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	do {
		usleep(10000);
		file = fopen(path, "r");
		rest = file && fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
		if (file)
			fclose(file);
	} while (rest && rest[2] != 'S');
}

#endif /* ASLEEP_H */
