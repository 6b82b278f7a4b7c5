/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What OpenSSL does with a configuration, as the program openssl(1) says it: that
 * is what any other program would do.
 */
#ifndef SSLSYSTEM_H
#define SSLSYSTEM_H

#include <limits.h>
#include <stdbool.h>

enum {
	SSLSYSTEM_NAMES_SIZE = 512,
	SSLSYSTEM_REASON_SIZE = 4 * PATH_MAX,
};

struct sslsystem {
	/* The names of the active providers, each between two blanks. */
	char providers[SSLSYSTEM_NAMES_SIZE];
	/* All generators of a program are the provider's. */
	bool ours;
};

/*
 * Starts openssl(1) and asks. configuration: a file, whose words OpenSSL follows to
 * the code that they name, so it must be root's alone; NULL: the system's. Returns 0;
 * -errno, and ret_reason, of SSLSYSTEM_REASON_SIZE bytes, says why, with the remedy.
 */
int sslsystem_ask(const char *configuration, struct sslsystem *ret_system, char *ret_reason);

bool sslsystem_has(const struct sslsystem *system, const char *provider);

/* Has one all the providers of the other? */
bool sslsystem_keeps(const struct sslsystem *system, const struct sslsystem *other);

/* Where the system's configuration is, links resolved. Returns as sslsystem_ask(). */
int sslsystem_path(char ret_path[PATH_MAX], char *ret_reason);

#endif /* SSLSYSTEM_H */
