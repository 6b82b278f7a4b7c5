/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is said of a network name space.
 */
#ifndef PLACE_H
#define PLACE_H

#include "netns.h"

enum { PLACE_COMMAND_SIZE = sizeof("nsenter --net=/run/docker/netns/ ") + NAME_MAX };

/* Why some were missed, in words. */
const char *place_reason(int error);

/*
 * What a command begins with that is run in there, with a blank at its end: "" in its own.
 * Returns command; NULL: nobody should run one there, or its name is no plain word.
 */
const char *place_command(const struct netns *netns, char command[PLACE_COMMAND_SIZE]);

#endif /* PLACE_H */
