/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Changes of OpenSSL's configuration, and what is in the way of them.
 */
#include "sslchange.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum {
	LIMIT = 1 << 20,
	REASON_SIZE = SSLSYSTEM_REASON_SIZE + 64,
};

enum ctl_exit sslchange_refuse(const char *format, ...)
{
	char reason[REASON_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	text_print(stderr, "vmgenctl: %s\n", reason);
	return CTL_FAILED;
}

enum ctl_exit sslchange_ask(const char *configuration, struct sslsystem *ret_system)
{
	char reason[SSLSYSTEM_REASON_SIZE];

	return sslsystem_ask(configuration, ret_system, reason) ? sslchange_refuse("%s", reason) : CTL_OK;
}

int sslchange_put(const char *path, const char *text, mode_t mode)
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

enum ctl_exit sslchange_put_own(const char *path, const char *text)
{
	int r;

	if (!is_own(path))
		return sslchange_refuse("%s is not what vmgenctl has written: move it away", path);
	r = sslchange_put(path, text, 0644);
	return r ? sslchange_refuse("cannot write %s: %s", path, file_strerror(r)) : CTL_OK;
}

enum ctl_exit sslchange_base(char ret_path[PATH_MAX], char **ret_text, struct stat *ret_stat)
{
	char *text, reason[SSLSYSTEM_REASON_SIZE];
	int r = sslsystem_path(ret_path, reason);

	if (r)
		return sslchange_refuse("%s", reason);
	r = file_read(AT_FDCWD, ret_path, LIMIT, &text, ret_stat);
	if (r)
		return sslchange_refuse("cannot read %s: %s", ret_path, strerror(-r));
	if (strlen(text) != (size_t)ret_stat->st_size) {
		free(text);
		return sslchange_refuse("%s is no text: put back the one of the package openssl", ret_path);
	}
	*ret_text = text;
	return CTL_OK;
}

enum ctl_exit sslchange_parse(const char *path, const char *text, struct sslconf *ret_conf)
{
	if (sslconf_parse(text, ret_conf))
		return sslchange_refuse("%s: openssl_conf, providers and random must be names of sections: "
					"write them so", path);
	if (*ret_conf->random)
		return sslchange_refuse("%s chooses another generator, in [%s]: take \"random =\" in [%s] out first",
					path, ret_conf->random, ret_conf->start);
	return CTL_OK;
}

void sslchange_tell_node(const struct sslconf *conf)
{
	if (!sslconf_reaches_node(conf))
		text_print(stdout, "Node.js still uses OpenSSL's own: have " SSLCONF_NODE
			   " in the same file name what openssl_conf names and enable again, or start it with --openssl-shared-config\n");
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
	char *text, reason[SSLSYSTEM_REASON_SIZE];
	int usual, r = 0;

	for (usual = !*conf->providers; usual < 2; usual++) {
		text = sslconf_compose(conf, base, usual);
		code = text ? sslchange_put_own(own, text) : sslchange_refuse("%s", strerror(ENOMEM));
		free(text);
		if (code)
			return code;
		r = sslsystem_ask(configuration, &after, reason);
		if (!r && after.ours && sslsystem_keeps(&after, before))
			return CTL_OK;
	}
	if (r)
		return sslchange_refuse("%s", reason);
	if (sslsystem_has(&after, "fips"))
		return sslchange_refuse("the FIPS provider makes random numbers of its own, and has to: nothing was changed");
	if (!sslsystem_has(&after, "vmgen"))
		return sslchange_refuse("OpenSSL does not load its provider vmgen: install libvmgen-openssl; nothing was changed");
	return sslchange_refuse("OpenSSL would not do with it what it does without (providers:%sbefore,%safter): "
				"nothing was changed", before->providers, after.providers);
}

enum ctl_exit sslchange_try(const char *own, const char *base, const struct sslconf *conf,
			    const char *configuration, const struct sslsystem *before)
{
	char *old = NULL;
	enum ctl_exit code;
	int r = file_read(AT_FDCWD, own, LIMIT, &old, NULL);

	if (r && r != -ENOENT)
		return sslchange_refuse("cannot read %s: %s", own, strerror(-r));
	code = write_own(own, base, conf, configuration, before);
	if (code && is_own(own))
		(void)sslchange_put(own, old, 0644);
	free(old);
	return code;
}
