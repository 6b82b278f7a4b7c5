/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl openssl for one service: a drop-in that names a configuration of its own.
 */
#include "sslservice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/systemd/manager.h"
#include "sslchange.h"
#include "ssldevice.h"
#include "ssldropin.h"

#define DROP_IN		"vmgen-openssl.conf"
#define VARIABLE	"OPENSSL_CONF="
#define DROP_IN_TEXT \
	"# Written by \"vmgenctl openssl enable --service\"; \"disable\" removes it.\n" \
	"[Service]\nEnvironment=" VARIABLE SSLCONF_SERVICE "\n"

/* Of what a unit has in its environment. */
enum { LIMIT = 1 << 16 };

bool sslservice_is_enabled(const char *unit)
{
	return ssldropin_exists(unit, DROP_IN);
}

/* Of one word: plain, or "..." or $'...' with backslashes, as systemctl(1) quotes it. */
static const char *end_of_word(const char *word, char quote)
{
	while (*word && *word != quote)
		word += *word == '\\' && word[1] && quote != ' ' ? 2 : 1;
	return word;
}

/* Returns 0, and the path, empty if there is none; -EINVAL: it is quoted; -ENAMETOOLONG. */
static int find(const char *line, char ret_path[PATH_MAX])
{
	const char *word, *end;
	char quote;

	*ret_path = '\0';
	for (word = line; *word; word = end + (*end != '\0')) {
		quote = *word == '"' ? '"' : strncmp(word, "$'", 2) ? ' ' : '\'';
		word += quote == '"' ? 1 : quote == ' ' ? 0 : 2;
		end = end_of_word(word, quote);
		if (strncmp(word, VARIABLE, strlen(VARIABLE)))
			continue;
		word += strlen(VARIABLE);
		if (quote != ' ')
			return -EINVAL;
		if (end - word >= PATH_MAX)
			return -ENAMETOOLONG;
		snprintf(ret_path, PATH_MAX, "%.*s", (int)(end - word), word);
		return 0;
	}
	return 0;
}

/* Returns 0; -EINVAL and -ENAMETOOLONG as find(); what manager_run() returns. */
static int configuration(const char *unit, char ret_path[PATH_MAX])
{
	const char *const argv[] = { "systemctl", "show", "-P", "Environment", "--", unit, NULL };
	char output[LIMIT], *end;
	int r = manager_run(argv, MANAGER_PATIENT_MS, output, sizeof(output));

	if (r)
		return r;
	/* Other newlines are of what it has quoted. */
	end = strrchr(output, '\n');
	if (end && !end[1])
		*end = '\0';
	return find(output, ret_path);
}

static enum ctl_exit count(void *context, const char *unit)
{
	(void)unit;
	++*(unsigned int *)context;
	return CTL_OK;
}

/* What all services share goes with the last of them. */
static void drop_unused(void)
{
	unsigned int n = 0;

	if (!ssldropin_each(DROP_IN, count, &n) && !n)
		(void)sslchange_put_own(SSLCONF_SERVICE, NULL);
}

static enum ctl_exit reload(const char *unit, bool wanted)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	char path[PATH_MAX] = "";
	int r = manager_run(argv, MANAGER_PATIENT_RELOAD_MS, NULL, 0);

	if (!r)
		r = configuration(unit, path);
	/* What that names is not ours. */
	if (r == -EINVAL || r == -ENAMETOOLONG)
		r = 0;
	if (r || !strcmp(path, SSLCONF_SERVICE) != wanted)
		return sslchange_refuse("systemd does not take the drop-in of %s as it is: systemctl status %s",
					unit, unit);
	text_print(stdout, "From its next start on: systemctl restart %s\n", unit);
	return CTL_OK;
}

enum ctl_exit sslservice_configuration(const char *unit, char ret_path[PATH_MAX])
{
	int r = configuration(unit, ret_path);

	if (r == -EINVAL || r == -ENAMETOOLONG)
		return sslchange_refuse("%s has an OPENSSL_CONF that cannot be read: use plain characters, and fewer than %d",
					unit, PATH_MAX);
	if (r == -ETIMEDOUT)
		return sslchange_refuse("%s: %s", unit, manager_error(r));
	if (r)
		return sslchange_refuse("systemd does not tell of %s: systemctl status %s", unit, unit);
	if (*ret_path && *ret_path != '/')
		return sslchange_refuse("%s has OPENSSL_CONF=%s, which is no absolute path: give one", unit, ret_path);
	return CTL_OK;
}

enum ctl_exit sslservice_enable(const char *unit)
{
	char path[PATH_MAX], *text;
	struct sslsystem before;
	struct sslconf conf;
	enum ctl_exit code;
	struct stat st;

	code = sslservice_configuration(unit, path);
	if (code)
		return code;
	if (*path && strcmp(path, SSLCONF_SERVICE))
		return sslchange_refuse("%s has an OPENSSL_CONF of its own: have that file .include %s (not tried)",
					unit, SSLCONF_SERVICE);
	code = sslchange_base(path, &text, &st);
	if (code)
		return code;
	code = sslchange_parse(path, text, &conf);
	free(text);
	if (!code)
		code = sslchange_ask(NULL, &before);
	if (!code)
		code = sslchange_try(SSLCONF_SERVICE, path, &conf, SSLCONF_SERVICE, &before);
	if (code)
		return code;
	sslchange_tell_node(&conf);
	code = ssldropin_put(unit, DROP_IN, DROP_IN_TEXT);
	if (!code)
		code = ssldevice_allow_service(unit);
	return code ? code : reload(unit, true);
}

enum ctl_exit sslservice_disable(const char *unit)
{
	bool removed;
	enum ctl_exit code = ssldropin_remove(unit, DROP_IN, DROP_IN_TEXT, &removed);

	if (code || !removed)
		return code;
	drop_unused();
	code = ssldevice_forbid_service(unit);
	return code ? code : reload(unit, false);
}

static enum ctl_exit disable(void *context, const char *unit)
{
	(void)context;
	return sslservice_disable(unit);
}

enum ctl_exit sslservice_disable_all(void)
{
	return ssldropin_each(DROP_IN, disable, NULL);
}
