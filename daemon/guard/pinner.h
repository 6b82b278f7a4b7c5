/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A process that keeps what the guards need to start in memory; see pin.h. It
 * reads the disk, which may hang, so it is nobody else.
 */
#ifndef PINNER_H
#define PINNER_H

#include <sys/types.h>

#include "config/config.h"

/*
 * Forks the process, which lives as long as the caller. Returns its process ID,
 * or -errno.
 */
pid_t pinner_start(const struct config *config);

#endif /* PINNER_H */
