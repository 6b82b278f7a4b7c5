/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl openssl for one service: a drop-in that names a configuration of its own.
 */
#include "sslservice.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/unitname.h"
#include "ctl/systemd/manager.h"
#include "sslchange.h"

#define UNITS		"/etc/systemd/system"
#define DROP_IN		"vmgen-openssl.conf"
#define DROP_INS	UNITS "/*.d/" DROP_IN
#define VARIABLE	"OPENSSL_CONF="
#define DROP_IN_TEXT \
	"# Written by \"vmgenctl openssl enable --service\"; \"disable\" removes it.\n" \
	"[Service]\nEnvironment=" VARIABLE SSLCONF_SERVICE "\n"

/* Of a drop-in, and of what a unit has in its environment. */
enum { LIMIT = 1 << 16 };

static void drop_in(const char *unit, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, UNITS "/%s.d/" DROP_IN, unit);
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

/* What all services share goes with the last of them. */
static void drop_unused(void)
{
	glob_t found;

	if (glob(DROP_INS, 0, NULL, &found) == GLOB_NOMATCH)
		(void)sslchange_put_own(SSLCONF_SERVICE, NULL);
	else
		globfree(&found);
}

static enum ctl_exit reload(const char *unit, bool wanted)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	char path[PATH_MAX] = "";
	int r = manager_run(argv, MANAGER_PATIENT_RELOAD_MS, NULL, 0);

	if (!r)
		r = configuration(unit, path);
	/* Whatever that names, it is not ours. */
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
	int r;

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
	drop_in(unit, path);
	r = sslchange_put(path, DROP_IN_TEXT, 0644);
	return r ? sslchange_refuse("cannot write %s: %s", path, file_strerror(r)) : reload(unit, true);
}

enum ctl_exit sslservice_disable(const char *unit)
{
	char path[PATH_MAX], *text;
	int r;

	drop_in(unit, path);
	r = file_read(AT_FDCWD, path, LIMIT, &text, NULL);
	if (r == -ENOENT)
		return CTL_OK;
	if (!r) {
		r = strcmp(text, DROP_IN_TEXT) ? -EILSEQ : sslchange_put(path, NULL, 0);
		free(text);
	}
	if (r == -EILSEQ)
		return sslchange_refuse("%s was changed: remove it by hand", path);
	if (r)
		return sslchange_refuse("cannot remove %s: %s", path, file_strerror(r));
	/* Fails if there are other drop-ins. */
	(void)rmdir(dirname(path));
	drop_unused();
	return reload(unit, false);
}

enum ctl_exit sslservice_disable_all(void)
{
	const size_t before = strlen(UNITS "/"), after = strlen(".d/" DROP_IN);
	enum ctl_exit code, failed = CTL_OK;
	char name[NAME_MAX + 1], unit[NAME_MAX + 1];
	glob_t found;
	size_t i;
	int r;

	r = glob(DROP_INS, 0, NULL, &found);
	if (r)
		return r == GLOB_NOMATCH ? CTL_OK : sslchange_refuse("cannot search " UNITS);
	for (i = 0; i < found.gl_pathc; i++) {
		snprintf(name, sizeof(name), "%.*s",
			 (int)(strlen(found.gl_pathv[i]) - before - after),
			 found.gl_pathv[i] + before);
		/* Another name is none that a service was enabled by. */
		code = unitname_complete(name, unit) ? CTL_OK : sslservice_disable(unit);
		if (code)
			failed = code;
	}
	globfree(&found);
	return failed;
}
