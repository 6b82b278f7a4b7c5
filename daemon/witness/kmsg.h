/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The kernel's log as the last witness of a change: the line that it writes
 * when its own driver has made the random number generator reseed.
 */
#ifndef KMSG_H
#define KMSG_H

#include <stdint.h>

#define KMSG_NODE	"/dev/kmsg"

/* One record of the log. */
struct kmsg_line {
	/* Grows by one with each record since this boot. */
	uint64_t sequence;
	/* Of the clock of the log, microseconds. */
	uint64_t time_usec;
};

/*
 * Opens the log behind its last record, non-blocking and close-on-exec. Returns
 * 0; -EPERM: needs CAP_SYSLOG; otherwise what open(2) failed with.
 */
int kmsg_open(const char *node, int *ret_fd);

/*
 * Reads on to the end of the log. Returns 0: the machine was cloned or restored,
 * and ret_line is the last line that says so; -EAGAIN: no line says so; -EPIPE:
 * the same, and records were lost before they could be read; -errno.
 */
int kmsg_read(int fd, struct kmsg_line *ret_line);

#endif /* KMSG_H */
