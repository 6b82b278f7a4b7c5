/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * process/: processes of this system, ours and others': children, programs, the users
 * they run as, their trees and cgroups, and locks.
 *
 * In: descriptors that the caller has checked, names of programs of the system for
 * capture.h, and a limit of time for each wait.
 * Out: processes that are started and ended, and their names for a log.
 * Never: a wait of the caller without an end (for that of lock_wait() there is a child),
 * a shell, or trust in what a process of somebody else says of itself.
 *
 * Starts a program from a checked descriptor, without a shell, in a session of
 * its own. What can fail or take time comes first; then the child stands by, and
 * all that is left to do is to execute. Even that can come first, of a program that
 * waits for a packet on its standard input.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct account;

struct process {
	/* Also the ID of its session and process group. */
	pid_t pid;
	/* Readable when it has ended; see pidfd_open(2). */
	int pid_fd;
	/* The reading end of its standard output and error; non-blocking. */
	int output_fd;
	/* Of a child that stands by; see process_go(). */
	int control_fd;
	/* The other end of its standard input; -1: that is /dev/null. */
	int input_fd;
	/* It was told to execute, or has. */
	bool begun;
};

struct program {
	/* May be O_PATH. */
	int fd;
	/* Read by the child when it goes, so in memory that it shares. */
	char *const *argv, *const *envp;
	/* As whom; NULL: as the caller. */
	const struct account *account;
	/* Where, if that can be; -1: where the caller is. */
	int cgroup_fd;
	/* Standard input is a socket (SOCK_SEQPACKET), and the nice value stays the caller's. */
	bool waits;
};

/*
 * Forks a child that stands by to execute a program. Standard input is
 * /dev/null unless the program waits, nothing else is inherited; a script finds itself
 * on descriptor 3. It is killed when the caller ends.
 *
 * Returns 0, and process_go() or process_abandon() must follow; or -errno, and
 * no process is left.
 */
int process_prepare(const struct program *program, struct process *ret_process);

/*
 * Has the child execute, and does not wait for that: process_go() or process_abandon()
 * must follow anyway, or process_take() once it has ended. For a program that waits.
 */
void process_begin(struct process *process);

/*
 * Takes the end of a child that process_begin() had execute, and kills what that has left
 * of its session. Returns 0, how it ended, and its output, which the caller closes;
 * -EAGAIN: it has not ended; -errno: it could not be executed. Unless it is -EAGAIN,
 * nothing must follow.
 */
int process_take(struct process *process, int *ret_output_fd, siginfo_t *ret_end);

/*
 * Gives a program that waits its packet, and has one execute that has not begun. Returns
 * 0, and the caller closes the descriptors and reaps the process; -ESRCH: it had been killed
 * while it stood by; -errno, that of execveat(2) included, and no process is left;
 * -ETIMEDOUT: one was killed, and the caller reaps it with all else that it has.
 */
int process_go(struct process *process, const void *packet, size_t size, unsigned int limit_ms);

/* Has a program that waits ended before it has read its packet? For one that has ended. */
bool process_missed(const struct process *process);

/*
 * Ends a child that stands by, or all of its session that waits; the caller reaps it
 * with all else that it has.
 */
void process_abandon(struct process *process);

#endif /* PROCESS_H */
