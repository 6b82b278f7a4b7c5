/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * OpenSSL's configuration, as far as it takes to add to it: sections may be opened
 * again, and what comes last counts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sslconf.h"

#define BLANKS	" \t\r"
#define OUR_INCLUDE	".include " SSLCONF_SYSTEM "\n"
/* Node.js takes nothing of openssl_conf, so this has the provider that is usual. */
#define NODE \
	"[vmgen_node]\nproviders = vmgen_node_providers\nrandom = vmgen_random\n" \
	"[vmgen_node_providers]\ndefault = vmgen_usual\nvmgen = vmgen_provider\n"
#define LINES \
	"\n# Random numbers that no clone of this machine has drawn as well, see\n" \
	"# vmgen-provider(7). \"vmgenctl openssl disable\" takes these lines away.\n" \
	OUR_INCLUDE
#define HEADER \
	"# Written by \"vmgenctl openssl enable\"; \"vmgenctl openssl disable\" removes it.\n"

/* Cuts a line at its comment and takes blanks off both ends. */
static char *trim(char *line)
{
	size_t size = strcspn(line, "#\n");

	while (size && strchr(BLANKS, line[size - 1]))
		size--;
	line[size] = '\0';
	return line + strspn(line, BLANKS);
}

/* Returns whether the value is the name of a section and nothing else. */
static bool take_name(const char *value, char ret_name[SSLCONF_NAME_SIZE])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";

	if (!*value || value[strspn(value, allowed)] || strlen(value) >= SSLCONF_NAME_SIZE)
		return false;
	strcpy(ret_name, value);
	return true;
}

/* "key = value" in its section. Returns 0 or -EINVAL. */
static int take_line(char *line, const char *section, const char *wanted, const char *key,
		     char ret_name[SSLCONF_NAME_SIZE])
{
	char *equals = strchr(line, '=');
	const char *name;

	if (!equals || strcmp(section, wanted))
		return 0;
	*equals = '\0';
	name = trim(line);
	/* What follows a dot tells entries of the same kind apart. */
	if (strncmp(name, key, strlen(key)) || (name[strlen(key)] && name[strlen(key)] != '.'))
		return 0;
	return take_name(trim(equals + 1), ret_name) ? 0 : -EINVAL;
}

/* Returns the value of a key, the last one; empty: there is none. */
static int look_up(const char *text, const char *wanted, const char *key,
		   char ret_name[SSLCONF_NAME_SIZE])
{
	char section[SSLCONF_NAME_SIZE] = "default", *copy = strdup(text);
	char *line, *rest, *start, *end;
	int r = copy ? 0 : -ENOMEM;

	*ret_name = '\0';
	for (rest = copy; !r && (line = strsep(&rest, "\n"));) {
		start = trim(line);
		if (*start != '[') {
			r = take_line(start, section, wanted, key, ret_name);
			continue;
		}
		end = strchr(start, ']');
		if (end)
			*end = '\0';
		if (!end || !take_name(trim(start + 1), section))
			*section = '\0';
	}
	free(copy);
	return r;
}

/* Does it name another file than ours? */
static bool includes_others(const char *text)
{
	const char *line, *word = ".include";

	for (line = text; (line = strstr(line, word)); line++) {
		const char *start = line;

		while (start > text && strchr(BLANKS, start[-1]))
			start--;
		if ((start == text || start[-1] == '\n') &&
		    strncmp(line, OUR_INCLUDE, strlen(OUR_INCLUDE)))
			return true;
	}
	return false;
}

int sslconf_parse(const char *text, struct sslconf *ret_conf)
{
	struct sslconf conf = { .start = "" };
	int r;

	r = look_up(text, "default", "openssl_conf", conf.start);
	if (!r && *conf.start)
		r = look_up(text, conf.start, "providers", conf.providers);
	if (!r && *conf.start)
		r = look_up(text, conf.start, "random", conf.random);
	if (!r && look_up(text, "default", SSLCONF_NODE, conf.node))
		strcpy(conf.node, "?");
	if (!r && !*conf.node && includes_others(text))
		strcpy(conf.node, "?");
	if (!r)
		*ret_conf = conf;
	return r;
}

bool sslconf_reaches_node(const struct sslconf *conf)
{
	return !*conf->node || !strcmp(conf->node, conf->start);
}

int sslconf_find(const char *text, const char **ret_lines)
{
	const char *lines = strstr(text, LINES);
	const char *path = strstr(text, SSLCONF_SYSTEM);

	if (!path)
		return -ENOENT;
	if (!lines || strstr(lines + strlen(LINES), SSLCONF_SYSTEM) || path < lines)
		return -EILSEQ;
	*ret_lines = lines;
	return 0;
}

char *sslconf_add(const char *text)
{
	char *with;

	return asprintf(&with, "%s" LINES, text) < 0 ? NULL : with;
}

char *sslconf_remove(const char *text, const char *lines)
{
	char *without;

	return asprintf(&without, "%.*s%s", (int)(lines - text), text,
			lines + strlen(LINES)) < 0 ? NULL : without;
}

char *sslconf_compose(const struct sslconf *conf, const char *base, bool usual)
{
	const char *start = *conf->start ? conf->start : "vmgen_start";
	const char *providers = *conf->providers ? conf->providers : "vmgen_providers";
	bool own_start = !*conf->start, own_providers = !*conf->providers;
	bool reached = sslconf_reaches_node(conf);
	char *text;
	int n;

	n = asprintf(&text, HEADER "%s%s%s%s%s%s[%s]\n%s" "random = vmgen_random\n"
		     "[%s]\n%s" "vmgen = vmgen_provider\n"
		     "[vmgen_usual]\nactivate = 1\n"
		     "[vmgen_provider]\nactivate = 1\n"
		     "[vmgen_random]\nproperties = ?provider=vmgen\n%s%s%s%s",
		     base ? ".include " : "", base ? base : "", base ? "\n" : "",
		     own_start ? "[default]\nopenssl_conf = " : "", own_start ? start : "",
		     own_start ? "\n" : "", start,
		     own_providers ? "providers = vmgen_providers\n" : "",
		     providers, usual ? "default = vmgen_usual\n" : "", *conf->node ? "" : NODE,
		     reached ? "[default]\n" SSLCONF_NODE " = " : "",
		     !reached ? "" : *conf->node ? conf->node : "vmgen_node", reached ? "\n" : "");
	return n < 0 ? NULL : text;
}

bool sslconf_is_ours(const char *text)
{
	return !strncmp(text, HEADER, strlen(HEADER));
}
