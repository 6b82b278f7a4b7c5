/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * All descendants of this process, whatever session or group they moved to. A
 * subreaper (PR_SET_CHILD_SUBREAPER) loses none of them while it lives.
 */
#ifndef TREE_H
#define TREE_H

#include <stddef.h>

/*
 * Sends a signal to every descendant; 0: none, as kill(2). ret_alive: how many
 * there were that had not ended. Those may have forked since, so who wants an
 * end of them looks again until there are none. Returns 0 or -errno: /proc
 * cannot be read.
 */
int tree_signal(int signal, size_t *ret_alive);

#endif /* TREE_H */
