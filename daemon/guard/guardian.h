/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * guard/: the guards of a change, released right after a reseed that asks no hardware.
 * vigil.c is the life of the guardian, pinner.c keeps their files in memory.
 *
 * In: the witness, hooks and their settings (hookwatch.h), and orders of the daemon
 * (struct keeper_order).
 * Out: guards that run, and messages (message.h): that they have begun, how they ended.
 * Never, between a change and guards that are ready: a disk, a lock, a name service, a
 * manager, a fork, a line of the log.
 *
 * The guardian: a process beside the daemon that watches the witness and
 * releases the guards at a change. It has them ready, and it touches no disk, no
 * lock, no name service and no manager before they run, so nothing that hangs
 * there holds a guard up. The daemon hears from it what became of them.
 */
#ifndef GUARDIAN_H
#define GUARDIAN_H

#include "config/config.h"
#include "message.h"

struct guardian {
	/* 0: there is none. */
	pid_t pid;
	/* A socket; readable when the guardian has something to tell, or is gone. */
	int fd;
	/* The latest generation for which it has said that guards have begun. */
	uint64_t begun;
	/* One before it that was killed and has not ended; 0: none. */
	pid_t hung;
};

/*
 * Forks a guardian, which gets the guards ready. If it gets no request within
 * GUARDIAN_PATIENCE_MS, the guards run with the event unknown: then the record
 * cannot be read in time. Returns 0; -EBUSY: the one before has not ended, and
 * another one would hang beside it; -errno.
 */
int guardian_start(const struct config *config, struct guardian *guardian);

/*
 * Has the guards run, unless they have begun for this ID and event already, and
 * asks for their results. The event EVENT_NONE: there is nothing to do. Returns 0;
 * -errno: there is no guardian that could.
 */
int guardian_request(struct guardian *guardian, const struct keeper_order *order);

/*
 * Takes a message. Returns 0; -EAGAIN: there is none within the time; otherwise
 * the guardian is gone, and guardian_stop() is next.
 */
int guardian_read(struct guardian *guardian, int timeout_ms, struct guardian_message *ret_message);

/* Ends it, if there is one; guards that are running go on. */
void guardian_stop(struct guardian *guardian);

#endif /* GUARDIAN_H */
