/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the guardian does all its life; see guardian.h.
 */
#ifndef VIGIL_H
#define VIGIL_H

#include "config/config.h"

/*
 * Watches until the daemon is gone. daemon_fd: the guardian's end of the socket.
 * All signals must be blocked.
 */
void vigil_keep(const struct config *config, int daemon_fd) __attribute__((noreturn));

#endif /* VIGIL_H */
