/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Programs whose generator is the same in every clone, by library. What each library does is in
 * the table of vmgen-programs(7), where it was seen.
 */
#include <stddef.h>

#include "generators.h"
#include "roll.h"

static const struct {
	enum census_kind kind;
	const char *library;
} libraries[] = {
	{ CENSUS_GNUTLS, "GnuTLS" },
	{ CENSUS_NSS, "NSS" },
	{ CENSUS_GCRYPT, "libgcrypt" },
	{ CENSUS_JAVA, "Java" },
	{ CENSUS_BORINGSSL, "BoringSSL or AWS-LC" },
};

/* Services that a change restarts, with any generator in them. */
static void tell_restarted(const struct census *census, struct findings *findings)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < census->n_units; i++)
		n += census->units[i].restarted && census->units[i].kinds & CENSUS_COPIED;
	if (n)
		finding_add(findings, "programs", FINDING_OK, "",
			    "services with generators of their own that 80-restart-units restarts at a change: %u",
			    n);
}

void generators_tell(const struct census *census, struct findings *findings)
{
	char names[CENSUS_NAMES_SIZE];
	unsigned int n;
	size_t i;

	for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		n = roll_names(census, libraries[i].kind, false, names);
		if (n)
			finding_add(findings, "programs", FINDING_NOTE,
				    "list their units in /etc/vmgen/restart-units, or all of them by a line auto; see vmgen-programs(7)",
				    "services and other processes with %s, whose random numbers every clone has as well: %u: %s",
				    libraries[i].library, n, names);
	}
	n = roll_names(census, CENSUS_SENTINEL, true, names);
	if (n)
		finding_add(findings, "programs", FINDING_OK, "",
			    "services and other processes with BoringSSL, which vmgend tells to reseed at a change:  %u: %s",
			    n, names);
	tell_restarted(census, findings);
}
