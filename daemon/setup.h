/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend needs before it can watch. Each returns EXIT_STOPPED: it is there; or
 * how vmgend ends, and has told why.
 */
#ifndef SETUP_H
#define SETUP_H

#include "courier/courier.h"
#include "options.h"
#include "witness/witness.h"

enum exit_code setup_config(const struct options *options, struct config *config);

/* node: of the device. The caller passes the witness to witness_close(). */
enum exit_code setup_witness(const char *node, struct witness *ret_witness);

/* Prints what tells of changes, as --check-device. */
enum exit_code setup_check_device(const char *node);

/* Keeps a second daemon out until this process ends. */
enum exit_code setup_lock(const struct config *config);

/* Returns what tells the host, or NULL: that is no reason not to repair. */
struct courier *setup_courier(const struct config *config);

#endif /* SETUP_H */
