/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The connections that the administrator wants to keep: one condition or several in each
 * line of a file, which only root may write. A connection is kept if a line holds, and a line
 * holds if all of its conditions do.
 */
#ifndef EXCEPTION_H
#define EXCEPTION_H

#include "connection.h"

#define EXCEPTION_PATH "/etc/vmgen/kept-connections"

enum { EXCEPTION_ERROR_SIZE = 512, EXCEPTION_MAX = 1024 };

struct exception {
	/* Bits of the address as IPv6 has it; 0: any. */
	struct in6_addr own, peer;
	unsigned int own_bits, peer_bits;
	/* 0: any. */
	uint16_t own_port, peer_port;
};

struct exceptions {
	struct exception all[EXCEPTION_MAX];
	size_t n;
};

/*
 * Reads the file; without one there are none. Returns 0, or -errno with ret_error: what is
 * wrong with which line, and the remedy. Of a file that is half understood nothing is used.
 */
int exception_read(const char *path, struct exceptions *ret_exceptions,
		   char ret_error[EXCEPTION_ERROR_SIZE]);

bool exception_holds(const struct exceptions *exceptions, const struct connection_ends *ends);

#endif /* EXCEPTION_H */
