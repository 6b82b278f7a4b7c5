/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Asks openssl(1), whose libcrypto is the system's; vmgenctl has none itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sslsystem.h"

enum {
	LINE_SIZE = 512,
	/* Of the shell: no such command. */
	NOT_FOUND = 127,
	/* Primary, public, private. */
	GENERATORS = 3,
};

#define ENVIRONMENT	"env -u OPENSSL_MODULES -u OPENSSL_CONF "

/* What a line of openssl list says: a name stands behind two blanks. */
static void take_line(const char *line, struct sslsystem *system, int *ours)
{
	size_t used = strlen(system->providers);

	if (strncmp(line, "  ", 2) || line[2] == ' ')
		return;
	if (strstr(line, " @ ")) {
		*ours += !!strstr(line, " @ vmgen\n");
		return;
	}
	if (!strchr(line, '=') && !strchr(line, ':'))
		snprintf(system->providers + used, sizeof(system->providers) - used, "%s%.*s ",
			 used ? "" : " ", (int)strcspn(line + 2, "\n"), line + 2);
}

static int end_of(FILE *pipe)
{
	int status = pclose(pipe);

	if (status < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ENOTSUP;
}

int sslsystem_run(const char *command, char *ret_line, int size)
{
	FILE *pipe = popen(command, "re");
	char rest[LINE_SIZE];

	if (!pipe)
		return -errno;
	if (!fgets(ret_line, size, pipe))
		*ret_line = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	while (fgets(rest, sizeof(rest), pipe))
		;
	return end_of(pipe);
}

int sslsystem_ask(const char *configuration, struct sslsystem *ret_system)
{
	struct sslsystem system = { .providers = "" };
	char command[PATH_MAX + 128], line[LINE_SIZE];
	int ours = 0, status;
	FILE *pipe;

	snprintf(command, sizeof(command), ENVIRONMENT "%s%s openssl list -providers -random-instances",
		 configuration ? "OPENSSL_CONF=" : "", configuration ? configuration : "");
	pipe = popen(command, "re");
	if (!pipe)
		return -errno;
	while (fgets(line, sizeof(line), pipe))
		take_line(line, &system, &ours);
	status = end_of(pipe);
	if (status)
		return status == NOT_FOUND ? -ENOENT : status < 0 ? status : -ENOTSUP;
	/* From OpenSSL 3.4 on a FIPS provider answers requests instead of them. */
	system.ours = ours == GENERATORS && !sslsystem_has(&system, "fips");
	*ret_system = system;
	return 0;
}

bool sslsystem_has(const struct sslsystem *system, const char *provider)
{
	char name[LINE_SIZE];

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

int sslsystem_path(char ret_path[PATH_MAX])
{
	char line[PATH_MAX], path[PATH_MAX + 16], *start, *end;
	int r = sslsystem_run(ENVIRONMENT "openssl version -d", line, sizeof(line));

	if (r)
		return r == NOT_FOUND ? -ENOENT : -ENOTSUP;
	start = strchr(line, '"');
	end = start ? strchr(start + 1, '"') : NULL;
	if (!end)
		return -ENOTSUP;
	*end = '\0';
	snprintf(path, sizeof(path), "%s/openssl.cnf", start + 1);
	return realpath(path, ret_path) ? 0 : -errno;
}
