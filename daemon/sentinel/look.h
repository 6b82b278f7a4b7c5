/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One process: whether it has fork sentinels, and zeroes them.
 *
 * The process goes on meanwhile, and may be anybody's. Between the kernel's word that a
 * page is a sentinel and the write lie some microseconds, in which the page can become
 * another one. So the page is read in between, and what is written is one byte: the only
 * one in the page that was not zero, and 1. What remains is a page that was mapped again in
 * these microseconds, at the same address, and has a 1 at its beginning and nothing else.
 */
#ifndef LOOK_H
#define LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "record/tally.h"

/*
 * Adds to the counts of a tally. proc_fd: directory of the process in /proc, so that it is
 * this process, also if another gets its number next. May block for as long as the process likes,
 * but ends with SIGKILL.
 */
void look_at_process(int proc_fd, uint32_t counts[TALLY_KINDS]);

/*
 * Is this page a sentinel? Its first word, of any size, is 1, and all else is zero.
 * Returns where that 1 is; -1: it is none.
 */
int look_at_page(const uint8_t *page, size_t size);

#endif /* LOOK_H */
