/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl openssl: has OpenSSL take its random numbers from vmgen's provider, in
 * the whole system or in one service, and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fence.h"
#include "file.h"
#include "sslconf.h"
#include "sslsystem.h"

#define UNITS		"/etc/systemd/system"
#define DROP_IN		"vmgen-openssl.conf"
#define DROP_IN_TEXT \
	"# Written by \"vmgenctl openssl enable --service\"; \"disable\" removes it.\n" \
	"[Service]\nEnvironment=OPENSSL_CONF=" SSLCONF_SERVICE "\n"

enum { LIMIT = 1 << 20 };

static enum ctl_exit refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
static enum ctl_exit refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vmgenctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return CTL_FAILED;
}

static enum ctl_exit refuse_openssl(int error)
{
	if (error == -ENOENT)
		return refuse("openssl was not found, or it has no openssl.cnf: install the package openssl");
	return refuse("openssl does not take its configuration as it is (%s): mend that first",
		      strerror(-error));
}

/* Replaces a file, makes it, or with NULL removes it. */
static int put(const char *path, const char *text, mode_t mode)
{
	char directory[PATH_MAX], name[PATH_MAX];
	int fd, r;

	snprintf(directory, sizeof(directory), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	dirname(directory);
	if (!text)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	if (mkdir(directory, 0755) && errno != EEXIST)
		return -errno;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_replace(fd, basename(name), text, mode, FILE_DURABLE);
	close(fd);
	return r;
}

/* Is there no such file yet, or has vmgenctl written it? */
static bool is_own(const char *path)
{
	char *old = NULL;
	int r = file_read(AT_FDCWD, path, LIMIT, &old, NULL);
	bool own = r == -ENOENT || (!r && sslconf_is_ours(old));

	free(old);
	return own;
}

/* Replaces or removes the file of vmgen's own. */
static enum ctl_exit put_own(const char *path, const char *text)
{
	int r;

	if (!is_own(path))
		return refuse("%s is not what vmgenctl has written: move it away", path);
	r = put(path, text, 0644);
	return r ? refuse("cannot write %s: %s", path, strerror(-r)) : CTL_OK;
}

/* The system's configuration. The caller frees the text. */
static enum ctl_exit read_base(char path[PATH_MAX], char **ret_text, struct stat *ret_stat)
{
	char *text;
	int r = sslsystem_path(path);

	if (r)
		return refuse_openssl(r);
	r = file_read(AT_FDCWD, path, LIMIT, &text, ret_stat);
	if (r)
		return refuse("cannot read %s: %s", path, strerror(-r));
	if (strlen(text) != (size_t)ret_stat->st_size) {
		free(text);
		return refuse("%s is no text: put back the one of the package openssl", path);
	}
	*ret_text = text;
	return CTL_OK;
}

/* Where vmgen's lines are in the system's configuration, if they are there. */
static enum ctl_exit find_lines(const char *path, const char *text, const char **ret_lines)
{
	int r = sslconf_find(text, ret_lines);

	if (r == -EILSEQ)
		return refuse("%s: the lines of vmgen were changed: take out all that names "
			      SSLCONF_SYSTEM, path);
	return CTL_OK;
}

static enum ctl_exit parse(const char *path, const char *text, struct sslconf *ret_conf)
{
	if (sslconf_parse(text, ret_conf))
		return refuse("%s: openssl_conf, providers and random must be names of sections: "
			      "write them so", path);
	if (*ret_conf->random)
		return refuse("%s chooses another generator, in [%s]: take \"random =\" in [%s] out first",
			      path, ret_conf->random, ret_conf->start);
	return CTL_OK;
}

/*
 * Writes vmgen's own file and looks whether OpenSSL does what it says, without what it
 * did before being lost: a provider that nobody named is there only until one is named.
 */
static enum ctl_exit write_own(const char *own, const char *base, const struct sslconf *conf,
			       const char *configuration, const struct sslsystem *before)
{
	struct sslsystem after;
	enum ctl_exit code;
	int usual, r = 0;
	char *text;

	for (usual = !*conf->providers; usual < 2; usual++) {
		text = sslconf_compose(conf, base, usual);
		code = text ? put_own(own, text) : refuse("%s", strerror(ENOMEM));
		free(text);
		if (code)
			return code;
		r = sslsystem_ask(configuration, &after);
		if (!r && after.ours && sslsystem_keeps(&after, before))
			return CTL_OK;
	}
	if (r)
		return refuse_openssl(r);
	if (sslsystem_has(&after, "fips"))
		return refuse("the FIPS provider makes random numbers of its own, and has to: nothing was changed");
	if (!sslsystem_has(&after, "vmgen"))
		return refuse("OpenSSL does not load its provider vmgen: install libvmgen-openssl; nothing was changed");
	return refuse("OpenSSL would not do with it what it does without (providers:%sbefore,%safter): "
		      "nothing was changed", before->providers, after.providers);
}

/* The same, but the file is as it was if that fails: others may be using it. */
static enum ctl_exit try(const char *own, const char *base, const struct sslconf *conf,
			 const char *configuration, const struct sslsystem *before)
{
	char *old = NULL;
	enum ctl_exit code;
	int r = file_read(AT_FDCWD, own, LIMIT, &old, NULL);

	if (r && r != -ENOENT)
		return refuse("cannot read %s: %s", own, strerror(-r));
	code = write_own(own, base, conf, configuration, before);
	if (code && is_own(own))
		(void)put(own, old, 0644);
	free(old);
	return code;
}

static enum ctl_exit enable_system(const char *unit)
{
	char path[PATH_MAX], *text, *with = NULL;
	struct sslsystem before;
	struct sslconf conf;
	const char *lines = NULL;
	enum ctl_exit code;
	struct stat st;
	int r;

	(void)unit;
	code = read_base(path, &text, &st);
	if (code)
		return code;
	code = find_lines(path, text, &lines);
	if (!code)
		code = parse(path, text, &conf);
	if (!code && (r = sslsystem_ask(NULL, &before)))
		code = refuse_openssl(r);
	if (code)
		goto out;
	with = lines ? strdup(text) : sslconf_add(text);
	r = with ? put(path, with, st.st_mode & 07777) : -ENOMEM;
	code = r ? refuse("cannot write %s: %s", path, strerror(-r)) :
		   try(SSLCONF_SYSTEM, NULL, &conf, NULL, &before);
	if (!code) {
		printf("Programs that start from now on take random numbers that no clone has.\n");
	} else if (!r && !lines) {
		(void)put(path, text, st.st_mode & 07777);
	}
out:
	free(with);
	free(text);
	return code;
}

static enum ctl_exit disable_system(const char *unit)
{
	char path[PATH_MAX], *text, *without = NULL;
	struct sslsystem now;
	const char *lines = NULL;
	enum ctl_exit code;
	struct stat st;
	int r;

	(void)unit;
	code = read_base(path, &text, &st);
	if (code)
		return code;
	code = find_lines(path, text, &lines);
	if (code)
		goto out;
	if (lines) {
		without = sslconf_remove(text, lines);
		r = without ? put(path, without, st.st_mode & 07777) : -ENOMEM;
		if (r) {
			code = refuse("cannot write %s: %s", path, strerror(-r));
			goto out;
		}
	}
	code = put_own(SSLCONF_SYSTEM, NULL);
	r = sslsystem_ask(NULL, &now);
	if (!code && (r || now.ours))
		code = r ? refuse_openssl(r) :
			   refuse("another file than %s still names the provider vmgen", path);
out:
	free(without);
	free(text);
	return code;
}

static void drop_in(const char *unit, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, UNITS "/%s.d/" DROP_IN, unit);
}

/* What a unit has in its environment. */
static int environment(const char *unit, char *ret_line, int size)
{
	char command[NAME_MAX + 64];

	snprintf(command, sizeof(command), "systemctl show -P Environment -- '%s'", unit);
	return sslsystem_run(command, ret_line, size);
}

/* What all services share goes with the last of them. */
static void drop_unused(void)
{
	glob_t found;

	if (glob(UNITS "/*.d/" DROP_IN, 0, NULL, &found) == GLOB_NOMATCH)
		(void)put_own(SSLCONF_SERVICE, NULL);
	else
		globfree(&found);
}

static enum ctl_exit reload(const char *unit, bool wanted)
{
	char line[LIMIT / 64] = "";
	int r = sslsystem_run("systemctl daemon-reload", line, sizeof(line));

	if (!r)
		r = environment(unit, line, sizeof(line));
	if (r || !strstr(line, SSLCONF_SERVICE) == wanted)
		return refuse("systemd does not take the drop-in of %s as it is: systemctl status %s",
			      unit, unit);
	printf("From its next start on: systemctl restart %s\n", unit);
	return CTL_OK;
}

static enum ctl_exit enable_service(const char *unit)
{
	char path[PATH_MAX], line[LIMIT / 64], *text;
	struct sslsystem before;
	struct sslconf conf;
	enum ctl_exit code;
	struct stat st;
	int r;

	r = environment(unit, line, sizeof(line));
	if (r)
		return refuse("systemd does not tell of %s: only its units can be changed", unit);
	if (strstr(line, "OPENSSL_CONF=") && !strstr(line, SSLCONF_SERVICE))
		return refuse("%s has an OPENSSL_CONF of its own: have that file .include " SSLCONF_SERVICE,
			      unit);
	code = read_base(path, &text, &st);
	if (code)
		return code;
	code = parse(path, text, &conf);
	free(text);
	if (!code && (r = sslsystem_ask(NULL, &before)))
		code = refuse_openssl(r);
	if (!code)
		code = try(SSLCONF_SERVICE, path, &conf, SSLCONF_SERVICE, &before);
	if (code)
		return code;
	drop_in(unit, path);
	r = put(path, DROP_IN_TEXT, 0644);
	return r ? refuse("cannot write %s: %s", path, strerror(-r)) : reload(unit, true);
}

static enum ctl_exit disable_service(const char *unit)
{
	char path[PATH_MAX], *text;
	int r;

	drop_in(unit, path);
	r = file_read(AT_FDCWD, path, LIMIT, &text, NULL);
	if (r == -ENOENT)
		return CTL_OK;
	if (!r) {
		r = strcmp(text, DROP_IN_TEXT) ? -EILSEQ : put(path, NULL, 0);
		free(text);
	}
	if (r == -EILSEQ)
		return refuse("%s was changed: remove it by hand", path);
	if (r)
		return refuse("cannot remove %s: %s", path, strerror(-r));
	/* Fails if there are other drop-ins. */
	(void)rmdir(dirname(path));
	drop_unused();
	return reload(unit, false);
}

static enum ctl_exit show(const char *what, const char *configuration, const struct ctl *ctl)
{
	struct sslsystem now;
	int r = sslsystem_ask(configuration, &now);

	if (r)
		return refuse_openssl(r);
	if (!now.ours) {
		printf("%s: OpenSSL's own random numbers, the same in every clone\n", what);
		return CTL_FAILED;
	}
	if (access(ctl->device, F_OK)) {
		printf("%s: the kernel's random numbers; there is no %s to check them against\n",
		       what, ctl->device);
		return CTL_DEGRADED;
	}
	printf("%s: random numbers that no clone has\n", what);
	return CTL_OK;
}

static enum ctl_exit show_service(const struct ctl *ctl, const char *unit)
{
	char line[LIMIT / 64], *start, path[PATH_MAX];

	if (environment(unit, line, sizeof(line)))
		return refuse("systemd does not tell of %s", unit);
	start = strstr(line, "OPENSSL_CONF=");
	if (!start)
		return show(unit, NULL, ctl);
	snprintf(path, sizeof(path), "%s", start + strlen("OPENSSL_CONF="));
	path[strcspn(path, " '\"\\$`;&|<>()")] = '\0';
	return show(unit, path, ctl);
}

static const struct action {
	const char *name;
	enum ctl_exit (*system)(const char *unit);
	enum ctl_exit (*service)(const char *unit);
} actions[] = {
	{ "enable", enable_system, enable_service },
	{ "disable", disable_system, disable_service },
	{ "status", NULL, NULL },
};

enum ctl_exit ctl_openssl(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "service", required_argument, NULL, 's' },
		{ .name = NULL },
	};
	const char *service = NULL;
	char unit[NAME_MAX + 1];
	const struct action *action = actions;
	const size_t n = sizeof(actions) / sizeof(*actions);
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option != 's')
			return CTL_USAGE;
		service = optarg;
	}
	while (action < actions + n && (argc - optind != 1 || strcmp(action->name, argv[optind])))
		action++;
	if (action == actions + n) {
		fprintf(stderr, "vmgenctl: openssl: enable, disable or status\n");
		return CTL_USAGE;
	}
	if (service && (fence_unit(service, unit) || !strstr(unit, ".service"))) {
		fprintf(stderr, "vmgenctl: \"%s\" is not the name of a service\n", service);
		return CTL_USAGE;
	}
	if (!action->system)
		return service ? show_service(ctl, unit) : show("system", NULL, ctl);
	if (geteuid()) {
		fprintf(stderr, "vmgenctl: openssl %s is for root\n", action->name);
		return CTL_NO_RIGHTS;
	}
	return service ? action->service(unit) : action->system(unit);
}
