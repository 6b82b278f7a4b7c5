/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * sentinel/: makes programs reseed their generators that detect a fork(2), and no clone.
 * BoringSSL and s2n do that by a page that the kernel wipes in the child: it holds a 1,
 * the sentinel, and when that is gone they reseed. At a change the 1 is taken away from
 * outside.
 *
 * In: a word of the guardian, after the kernel was reseeded; /proc.
 * Out: pages with a sentinel (look.h) zeroed, and a tally.
 * Never: anything else of another process changed, executed, mapped, or printed; a wait of
 * anybody for this, or of this for a process beyond its bounds (patrol.h).
 */
#ifndef SENTINEL_H
#define SENTINEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/tally.h"

/* A process that stands by. All zero: there is none. */
struct sentinel {
	/* 0: there is none. */
	pid_t pid;
	/* A socket; readable when sentinel_read() has something to tell. */
	int fd;
};

struct sentinel_report {
	/* As in sentinel_wake(). */
	uint64_t generation;
	struct tally tally;
};

/* Forks it; it lives as long as the caller. proc: "/proc". Returns 0 or -errno. */
int sentinel_start(const char *proc, struct sentinel *sentinel);

/* Has it begin, and waits for nothing. Returns 0 or -errno. */
int sentinel_wake(const struct sentinel *sentinel, uint64_t generation);

/* Returns 0; -EAGAIN: it has told all; or it is gone, and sentinel_stop() is next: -EPIPE. */
int sentinel_read(const struct sentinel *sentinel, struct sentinel_report *ret_report);

/* Ends it, if there is one; the caller reaps it with all else that it has. */
void sentinel_stop(struct sentinel *sentinel);

#endif /* SENTINEL_H */
