/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a process calls itself, which may be anything. The kernel has it at hand,
 * so nobody waits for the process.
 */
#ifndef COMM_H
#define COMM_H

enum {
	COMM_BYTES = 64,
	/* In quotes, each byte in its longest form. */
	COMM_SIZE = 5 * COMM_BYTES + 3,
};

/*
 * Gives the name as it can stand in a list; one that looks like more than one is in
 * quotes. proc_fd: the directory of the process in /proc; -1, or it has ended: "?".
 * Returns ret_name.
 */
const char *comm_read(int proc_fd, char ret_name[COMM_SIZE]);

#endif /* COMM_H */
