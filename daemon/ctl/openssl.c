/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl openssl: has OpenSSL take its random numbers from vmgen's provider, in
 * the whole system or in one service, and back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/unitname.h"
#include "ctl.h"
#include "ctl/openssl/sslchange.h"
#include "ctl/openssl/ssldevice.h"
#include "ctl/openssl/sslservice.h"
#include "ctl/openssl/sslsystem.h"
#include "ctl/view/arguments.h"
#include "ctl/view/doubt.h"

/* Where vmgen's lines are in the system's configuration, if they are there. */
static enum ctl_exit find_lines(const char *path, const char *text, const char **ret_lines)
{
	int r = sslconf_find(text, ret_lines);

	if (r == -EILSEQ)
		return sslchange_refuse("%s: the lines of vmgen were changed: take out all that names "
					SSLCONF_SYSTEM, path);
	return CTL_OK;
}

/* What those take that use the provider. */
static enum ctl_exit tell_taken(const struct ctl *ctl, const char *who)
{
	const char *doubt;
	struct view view;

	view_read(ctl, &view);
	doubt = doubt_random(&view);
	view_clear(&view);
	if (!doubt) {
		text_print(stdout, "%s: random numbers that no clone has\n", who);
		return CTL_OK;
	}
	text_print(stdout, "%s: the kernel's random numbers, which a clone may have as well: %s; vmgenctl check tells more\n",
		   who, doubt);
	return CTL_DEGRADED;
}

/* Without our lines it is left as it was where that fails. */
static enum ctl_exit switch_on(const char *path, const char *text, bool has_lines, mode_t mode,
			       const struct sslconf *conf, const struct sslsystem *before)
{
	char *with = has_lines ? strdup(text) : sslconf_add(text);
	int r = with ? sslchange_put(path, with, mode) : -ENOMEM;
	enum ctl_exit code;

	free(with);
	if (r)
		return sslchange_refuse("cannot write %s: %s", path, file_strerror(r));
	code = sslchange_try(SSLCONF_SYSTEM, NULL, conf, NULL, before);
	if (code && !has_lines)
		(void)sslchange_put(path, text, mode);
	return code;
}

static enum ctl_exit enable_system(const struct ctl *ctl)
{
	char path[PATH_MAX], *text;
	struct sslsystem before;
	struct sslconf conf;
	const char *lines = NULL;
	enum ctl_exit code;
	struct stat st;

	code = sslchange_base(path, &text, &st);
	if (code)
		return code;
	code = find_lines(path, text, &lines);
	if (!code)
		code = sslchange_parse(path, text, &conf);
	if (!code)
		code = sslchange_ask(NULL, &before);
	/* Before it is on, for who starts in between. */
	if (!code)
		code = ssldevice_allow();
	if (!code)
		code = switch_on(path, text, lines, st.st_mode & 07777, &conf, &before);
	free(text);
	if (code && !lines)
		(void)ssldevice_forbid();
	if (code)
		return code;
	(void)tell_taken(ctl, "programs that start from now on");
	sslchange_tell_node(&conf);
	return CTL_OK;
}

static enum ctl_exit disable_system(const struct ctl *ctl)
{
	char path[PATH_MAX], *text, *without = NULL, reason[SSLSYSTEM_REASON_SIZE];
	struct sslsystem now;
	const char *lines = NULL;
	enum ctl_exit code;
	struct stat st;
	int r;

	(void)ctl;
	code = sslchange_base(path, &text, &st);
	if (code)
		return code;
	code = find_lines(path, text, &lines);
	if (code)
		goto out;
	if (lines) {
		without = sslconf_remove(text, lines);
		r = without ? sslchange_put(path, without, st.st_mode & 07777) : -ENOMEM;
		if (r) {
			code = sslchange_refuse("cannot write %s: %s", path, file_strerror(r));
			goto out;
		}
	}
	code = sslchange_put_own(SSLCONF_SYSTEM, NULL);
	r = sslsystem_ask(NULL, &now, reason);
	if (!code && (r || now.ours))
		code = r ? sslchange_refuse("%s", reason) :
			   sslchange_refuse("another file than %s still names the provider vmgen", path);
	if (!code)
		code = ssldevice_forbid();
out:
	free(without);
	free(text);
	return code;
}

static enum ctl_exit show(const char *what, const char *configuration, const struct ctl *ctl)
{
	struct sslsystem now;
	enum ctl_exit code = sslchange_ask(configuration, &now);

	if (code)
		return code;
	if (!now.ours) {
		text_print(stdout, "%s: OpenSSL's own random numbers, the same in every clone\n", what);
		return CTL_FAILED;
	}
	return tell_taken(ctl, what);
}

static enum ctl_exit show_service(const struct ctl *ctl, const char *unit)
{
	char path[PATH_MAX];
	enum ctl_exit code = sslservice_configuration(unit, path);

	return code ? code : show(unit, *path ? path : NULL, ctl);
}

static enum ctl_exit disable_all(const struct ctl *ctl)
{
	enum ctl_exit services = sslservice_disable_all(), system;
	char path[PATH_MAX], reason[SSLSYSTEM_REASON_SIZE];

	/* Who takes vmgen away need not have OpenSSL's program, with which alone this is switched on. */
	if (access(SSLCONF_SYSTEM, F_OK) && sslsystem_path(path, reason) == -ENOENT)
		return services;
	system = disable_system(ctl);
	return services ? services : system;
}

static const struct action {
	const char *name;
	enum ctl_exit (*system)(const struct ctl *ctl);
	enum ctl_exit (*service)(const char *unit);
} actions[] = {
	{ "enable", enable_system, sslservice_enable },
	{ "disable", disable_system, sslservice_disable },
	{ "status", NULL, NULL },
};

static const struct action *find_action(int argc, char **argv)
{
	static const char *const words[] = { "enable", "disable", "status", NULL };
	int word = arguments_word(argc, argv, "openssl command", words);

	return word < 0 || !arguments_end(argc, argv, words[word]) ? NULL : &actions[word];
}

enum ctl_exit ctl_openssl(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "service", required_argument, NULL, 's' },
		{ .name = NULL },
	};
	const struct action *action;
	const char *service = NULL;
	char unit[NAME_MAX + 1];
	bool all = false;
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		if (option == 'a')
			all = true;
		else
			service = optarg;
	}
	action = find_action(argc, argv);
	if (!action)
		return CTL_USAGE;
	if (service && (unitname_complete(service, unit) || !strstr(unit, ".service"))) {
		text_print(stderr, "vmgenctl: --service: \"%s\" is not the name of a service: use one such as nginx.service\n", service);
		return CTL_USAGE;
	}
	if (all && (service || action->system != disable_system)) {
		text_print(stderr, "vmgenctl: --all is for openssl disable alone, and takes no --service\n");
		return CTL_USAGE;
	}
	if (!action->system)
		return service ? show_service(ctl, unit) : show("system", NULL, ctl);
	if (geteuid()) {
		text_print(stderr, "vmgenctl: openssl %s is for root\n", action->name);
		return CTL_NO_RIGHTS;
	}
	if (all)
		return disable_all(ctl);
	return service ? action->service(unit) : action->system(ctl);
}
