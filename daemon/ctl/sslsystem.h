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

enum { SSLSYSTEM_NAMES_SIZE = 512 };

struct sslsystem {
	/* The names of the active providers, each between two blanks. */
	char providers[SSLSYSTEM_NAMES_SIZE];
	/* All generators of a program are the provider's. */
	bool ours;
};

/*
 * Starts openssl(1) and asks. configuration: a file; NULL: the system's. Returns 0;
 * -ENOENT: there is no openssl(1); -ENOTSUP: it failed, and has said why.
 */
int sslsystem_ask(const char *configuration, struct sslsystem *ret_system);

bool sslsystem_has(const struct sslsystem *system, const char *provider);

/* Has one all the providers of the other? */
bool sslsystem_keeps(const struct sslsystem *system, const struct sslsystem *other);

/* Where the system's configuration is, links resolved. Returns 0 or -errno. */
int sslsystem_path(char ret_path[PATH_MAX]);

/* Runs a command line of ours; its first line of output. Returns its exit status or -errno. */
int sslsystem_run(const char *command, char *ret_line, int size);

#endif /* SSLSYSTEM_H */
