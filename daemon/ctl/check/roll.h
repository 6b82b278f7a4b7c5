/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The list that a census makes of what it finds.
 */
#ifndef ROLL_H
#define ROLL_H

#include "census.h"

/*
 * Finds the service of the system that a process belongs to, by the kernel's cgroup, which
 * processes have no say in; "": none. proc_fd: the directory of the process in /proc, or -1.
 */
void roll_service(int proc_fd, char ret_unit[NAME_MAX + 1]);

/* Counts a process. kinds: bits; 0: it is CENSUS_WITHOUT. service: of roll_service(). */
void roll_count(struct census *census, unsigned int kinds, const char *service, int pid,
		 int proc_fd);

/*
 * The services that are not restarted, or all, and processes of none, in safe text. Returns how
 * many they are.
 */
unsigned int roll_names(const struct census *census, enum census_kind kind, bool all,
			 char ret_names[CENSUS_NAMES_SIZE]);

#endif /* ROLL_H */
