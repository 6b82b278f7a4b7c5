/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Processes of others, held by a pidfd while they are looked at: what a process
 * says of itself, its name and arguments above all, is worth nothing here.
 */
#ifndef CANDIDATE_H
#define CANDIDATE_H

#include <stdbool.h>
#include <sys/types.h>

/* A program that only root can change. */
struct program {
	char *path;	/* without symbolic links */
	dev_t dev;
	ino_t ino;
};

struct process {
	pid_t pid;
	pid_t parent;
	int fd;
	bool own_mounts;	/* a mount namespace that is not this program's */
};

/* Whether path, a regular file, and every directory above it belong to root alone. */
bool only_root_writes(const char *path);

/* -EPERM: others than root can change it. */
int program_open(const char *path, struct program *ret_program);
void program_close(struct program *program);

/*
 * Holds the process pid if it executes the program, in the PID, user and network
 * namespace of this one, as root or the user also (0: none): else -ESRCH.
 */
int process_hold(pid_t pid, const struct program *program, uid_t also, struct process *ret_process);
void process_release(struct process *process);

int process_signal(const struct process *process, int number);

/* -ETIMEDOUT: it is still there after so long. */
int process_await_end(const struct process *process, int milliseconds);

#endif
