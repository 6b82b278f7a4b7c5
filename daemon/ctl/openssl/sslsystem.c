/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Asks openssl(1), whose libcrypto is the system's; vmgenctl has none itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "ctl/systemd/manager.h"
#include "sslsystem.h"

#define NAME	"OpenSSL "

enum {
	OUTPUT_LIMIT_BYTES = 1 << 16,
	LIMIT_SEC = 15,
	/* Of the child that executes: no such program. */
	NOT_FOUND = 127,
	/* Primary, public, private. */
	GENERATORS = 3,
};

/* What a line of openssl list says: a name stands behind two blanks. */
static void take_line(const char *line, struct sslsystem *system, int *ours)
{
	size_t used = strlen(system->providers);

	if (strncmp(line, "  ", 2) || line[2] == ' ')
		return;
	if (strstr(line, " @ ")) {
		*ours += !strcmp(strstr(line, " @ "), " @ vmgen");
		return;
	}
	if (!strchr(line, '=') && !strchr(line, ':'))
		snprintf(system->providers + used, sizeof(system->providers) - used, "%s%s ",
			 used ? "" : " ", line + 2);
}

/* result: of manager_run(), not 0. */
static int explain(int result, const char *const argv[], char *ret_reason)
{
	char what[128], command[PATH_MAX + 128] = "";
	size_t used = 0;

	switch (result) {
	case NOT_FOUND:
		snprintf(ret_reason, SSLSYSTEM_REASON_SIZE, "openssl was not found: install the package openssl");
		return -ENOENT;
	case -ETIMEDOUT:
		snprintf(what, sizeof(what), "gives no answer within %d s", LIMIT_SEC);
		break;
	case -EFBIG:
		snprintf(what, sizeof(what), "says more than %d bytes", OUTPUT_LIMIT_BYTES);
		break;
	default:
		if (result < 0)
			snprintf(what, sizeof(what), "cannot be run: %s", strerror(-result));
		else
			snprintf(what, sizeof(what), "failed with exit status %d", result);
	}
	for (; *argv; argv++)
		used += snprintf(command + used, sizeof(command) - used, " %s", *argv);
	snprintf(ret_reason, SSLSYSTEM_REASON_SIZE, "openssl %s: see what this says:%s", what, command);
	return result < 0 ? result : -ENOTSUP;
}

/* output: OUTPUT_LIMIT_BYTES. */
static int run(const char *const argv[], char *output, char *ret_reason)
{
	int r = manager_run(argv, LIMIT_SEC * 1000, output, OUTPUT_LIMIT_BYTES);

	return r ? explain(r, argv, ret_reason) : 0;
}

static int check(const char *configuration, char *ret_reason)
{
	char reason[SSLSYSTEM_REASON_SIZE / 2];
	int fd, r = trust_open(configuration, O_RDONLY, &fd, reason, sizeof(reason));

	if (!r)
		close(fd);
	else if (r == -EPERM)
		snprintf(ret_reason, SSLSYSTEM_REASON_SIZE,
			 "openssl is not started: it loads the code that its configuration names, so read that, "
			 "then make it root's alone: %s", reason);
	else
		snprintf(ret_reason, SSLSYSTEM_REASON_SIZE, "openssl is not started: its configuration %s", reason);
	return r;
}

static void parse(char *output, struct sslsystem *ret_system)
{
	struct sslsystem system = { .providers = "" };
	int ours = 0;
	char *line, *rest;

	for (line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		take_line(line, &system, &ours);
	/* From OpenSSL 3.4 on a FIPS provider answers requests instead of them. */
	system.ours = ours == GENERATORS && !sslsystem_has(&system, "fips");
	*ret_system = system;
}

int sslsystem_ask(const char *configuration, struct sslsystem *ret_system, char *ret_reason)
{
	char output[OUTPUT_LIMIT_BYTES], assignment[PATH_MAX + 16];
	const char *const argv[] = {
		"env", assignment, "openssl", "list", "-providers", "-random-instances", NULL,
	};
	int r = configuration ? check(configuration, ret_reason) : 0;

	if (r)
		return r;
	snprintf(assignment, sizeof(assignment), "OPENSSL_CONF=%s", configuration ?: "");
	r = run(argv + (configuration ? 0 : 2), output, ret_reason);
	if (!r)
		parse(output, ret_system);
	return r;
}

bool sslsystem_has(const struct sslsystem *system, const char *provider)
{
	char name[SSLSYSTEM_NAMES_SIZE];

	snprintf(name, sizeof(name), " %s ", provider);
	return strstr(system->providers, name);
}

bool sslsystem_keeps(const struct sslsystem *system, const struct sslsystem *other)
{
	char names[SSLSYSTEM_NAMES_SIZE], *rest = names, *name;

	strcpy(names, other->providers);
	while ((name = strsep(&rest, " ")))
		if (*name && !sslsystem_has(system, name))
			return false;
	return true;
}

int sslsystem_path(char ret_path[PATH_MAX], char *ret_reason)
{
	static const char *const argv[] = { "openssl", "version", "-v", "-d", NULL };
	char output[OUTPUT_LIMIT_BYTES], path[PATH_MAX], *start, *end;
	int r = run(argv, output, ret_reason);

	if (r)
		return r;
	if (!strncmp(output, NAME, strlen(NAME)) && atoi(output + strlen(NAME)) < 3) {
		snprintf(ret_reason, SSLSYSTEM_REASON_SIZE,
			 "%.*s has no providers, which came with OpenSSL 3: vmgen has nothing for it",
			 (int)strcspn(output, "\n"), output);
		return -ENOTSUP;
	}
	start = strchr(output, '"');
	end = start ? strchr(start + 1, '"') : NULL;
	if (end)
		*end = '\0';
	if (!end || snprintf(path, sizeof(path), "%s/openssl.cnf", start + 1) >= (int)sizeof(path)) {
		snprintf(ret_reason, SSLSYSTEM_REASON_SIZE,
			 "openssl version -d does not say where the configuration is: install OpenSSL 3");
		return -EBADMSG;
	}
	if (realpath(path, ret_path))
		return 0;
	r = -errno;
	snprintf(ret_reason, SSLSYSTEM_REASON_SIZE, "%s: %s (install the package openssl)", path,
		 strerror(-r));
	return r;
}
