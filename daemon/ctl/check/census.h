/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which processes have generators in them that a clone has a copy of. They are strangers':
 * the look has bounds in bytes, in time and in number, is taken in a process of its own, and
 * what could not be looked at is counted, too. What belongs to vmgend is left out: it ends
 * by itself.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum census_kind {
	/* OpenSSL, without vmgen's provider. */
	CENSUS_UNPROTECTED,
	/* An OpenSSL in the program itself. */
	CENSUS_STATIC,
	CENSUS_WITHOUT_DEVICE,
	/* A generator that no configuration can replace, also if others are there. */
	CENSUS_FIPS,
	CENSUS_PROTECTED,
	/* Other libraries, which a process may have beside OpenSSL. */
	CENSUS_GNUTLS,
	CENSUS_NSS,
	CENSUS_GCRYPT,
	CENSUS_JAVA,
	/* As a library, or in the program itself; and one whose fork sentinel vmgend zeroes. */
	CENSUS_BORINGSSL,
	CENSUS_SENTINEL,
	/* The program's file may have to be waited for. */
	CENSUS_STRANGE,
	/* There was no time, too much of it, or no answer. */
	CENSUS_UNKNOWN,
	/* Only root may look. */
	CENSUS_FORBIDDEN,
	/* All others: none of these. */
	CENSUS_WITHOUT,
	CENSUS_KINDS,
};

enum {
	CENSUS_NAMES_SIZE = 600,
	CENSUS_MAX_UNITS = 512,
	CENSUS_MAX_MEMBERS = 1 << 14,
	/* Generators of which every clone has a copy, as bits. */
	CENSUS_COPIED = 1 << CENSUS_UNPROTECTED | 1 << CENSUS_STATIC | 1 << CENSUS_FIPS |
			1 << CENSUS_GNUTLS | 1 << CENSUS_NSS | 1 << CENSUS_GCRYPT | 1 << CENSUS_JAVA |
			1 << CENSUS_BORINGSSL,
};

struct census {
	struct {
		/* Of processes; of those that belong to no service of the system. */
		unsigned int count, others;
		/* The latter, in safe text, "top (812), sshd (700)", as far as there is room. */
		char names[CENSUS_NAMES_SIZE];
	} kinds[CENSUS_KINDS];
	/* Services of the system, and bits of what any of their processes has. */
	struct census_unit {
		char unit[NAME_MAX + 1];
		unsigned int kinds;
		/* For restarts.h. */
		bool restarted;
	} units[CENSUS_MAX_UNITS];
	size_t n_units;
	/* Their processes, with what of CENSUS_COPIED each has. */
	struct {
		int pid;
		unsigned int unit, kinds;
	} members[CENSUS_MAX_MEMBERS];
	size_t n_members;
	/* Node.js is among CENSUS_UNPROTECTED, by what it calls itself. */
	bool has_node;
	/* There are units or processes for which there was no room. */
	bool more;
	/* What was read of programs, in bytes. */
	uint64_t bytes;
};

/* What protects generators on this system. */
struct census_aid {
	/* The provider can use it now. */
	bool device;
	/* As sentinels_are_zeroed() says. */
	bool sentinels;
};

struct census_limits {
	/* For all of it, for looks into programs, and for one process without a step. */
	unsigned int total_ms, programs_ms, stall_ms;
	/* Nothing is asked of processes that belong to no service of the system. */
	bool services_only;
};

/* For who reads the answer, and for the hook that restarts by it. */
extern const struct census_limits census_limits, census_patient_limits;

/*
 * Looks at all processes but this one. proc: "/proc". Returns 0 or -errno: there was no
 * look at all.
 */
int census_take(const char *proc, const struct census_aid *aid, const struct census_limits *limits,
		struct census *ret_census);

#endif /* CENSUS_H */
