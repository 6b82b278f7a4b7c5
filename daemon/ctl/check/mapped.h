/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which generators a process has by what is mapped in it, as the kernel tells it in
 * /proc/PID/maps: a file that is mapped to be executed, with the name that it has in the
 * system's directories. What a process calls itself, or a file of its own, does not matter.
 */
#ifndef MAPPED_H
#define MAPPED_H

#include <stdbool.h>

#include "census.h"

/*
 * Takes a whole line of maps, and ends the path in it. Returns bits of its own, which add up for
 * mapped_kinds(); 0: nothing that matters.
 */
unsigned int mapped_take(char *line);

/* Of all lines of a process: bits of enum census_kind. */
unsigned int mapped_kinds(unsigned int mapped, const struct census_aid *aid);

/* Has it an OpenSSL that is not in its program? */
bool mapped_openssl(unsigned int mapped);

#endif /* MAPPED_H */
