/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which processes have OpenSSL in them. They are strangers': the look has bounds in
 * bytes, in time and in number, is taken in a process of its own, and what could not
 * be looked at is counted, too.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>
#include <stdint.h>

enum census_kind {
	/* OpenSSL, without vmgen's provider. */
	CENSUS_UNPROTECTED,
	/* An OpenSSL in the program itself. */
	CENSUS_STATIC,
	CENSUS_WITHOUT_DEVICE,
	/* A generator that no configuration can replace, whatever else is there. */
	CENSUS_FIPS,
	CENSUS_PROTECTED,
	/* The program's file may have to be waited for. */
	CENSUS_STRANGE,
	/* There was no time, too much of it, or no answer. */
	CENSUS_UNKNOWN,
	/* Only root may look. */
	CENSUS_FORBIDDEN,
	/* All others: no OpenSSL. */
	CENSUS_WITHOUT,
	CENSUS_KINDS,
};

enum { CENSUS_NAMES_SIZE = 600 };

struct census {
	struct {
		unsigned int count;
		/* Safe text, "nginx (812), sshd (700)", as far as there is room. */
		char names[CENSUS_NAMES_SIZE];
	} kinds[CENSUS_KINDS];
	/* What was read of programs, in bytes. */
	uint64_t bytes;
};

struct census_limits {
	/* For all of it, for looks into programs, and for one process without a step. */
	unsigned int total_ms, programs_ms, stall_ms;
};

extern const struct census_limits census_limits;

/*
 * Looks at all processes but this one. proc: "/proc". has_device: the provider can
 * use the device now. Returns 0 or -errno: there was no look at all.
 */
int census_take(const char *proc, bool has_device, const struct census_limits *limits,
		struct census *ret_census);

#endif /* CENSUS_H */
