/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Children of this process, and what a child has to leave behind before it does
 * anything.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where child_fork() leaves the descriptor that it was given. */
enum { CHILD_KEPT_FD = 3 };

/*
 * Forks a child that does one thing which may take long. It has this and the
 * standard descriptors alone, so that it keeps no lock alive, blocks all
 * signals, and is killed when the caller ends. Returns 0 in the child, else
 * its process ID or -errno.
 */
pid_t child_fork(int fd);

/*
 * Has a child end by itself until a deadline (deadline.h), and kills it then; 0: at
 * once. One that hangs in the kernel stays, for the code that takes the ends of all
 * children. Returns 0 and its status as of waitpid(2); -ETIMEDOUT: it was killed;
 * -ECHILD: somebody else took its end.
 */
int child_end(pid_t pid, int64_t deadline, int *ret_status);

/*
 * Puts every signal back to its default and unblocks all but one; 0: all. For
 * a child after fork(2).
 */
void child_reset_signals(int blocked);

/* Gives up the guardian's place before all programs; for a child that may take its time. */
void child_stand_back(void);

/*
 * As child_stand_back(), and gives up an OOM score below the usual and, unless it keeps that, a
 * nice value below it.
 */
void child_become_ordinary(bool keeps_nice);

#endif /* CHILD_H */
