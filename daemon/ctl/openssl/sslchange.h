/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ctl/openssl/: the provider in OpenSSL's configuration, for the system and for services.
 *
 * In: openssl.cnf as it is, and what openssl(1) says of itself.
 * Out: one include in it and files of our own, or a refusal with its reason.
 * Never: a line of others that is lost, or a configuration that stays although OpenSSL
 * does less with it than before.
 *
 * Changes of OpenSSL's configuration, and what is in the way of them. What
 * returns enum ctl_exit has told the user why it is not CTL_OK.
 */
#ifndef SSLCHANGE_H
#define SSLCHANGE_H

#include <limits.h>
#include <sys/stat.h>

#include "ctl/view/session.h"
#include "sslconf.h"
#include "sslsystem.h"

/* Tells why not. Returns CTL_FAILED. */
enum ctl_exit sslchange_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* sslsystem_ask(). */
enum ctl_exit sslchange_ask(const char *configuration, struct sslsystem *ret_system);

/* Replaces a file, makes it, or with NULL removes it. Returns 0 or -errno. */
int sslchange_put(const char *path, const char *text, mode_t mode);

/* The same for a file of vmgen's own; one of somebody else it leaves alone. */
enum ctl_exit sslchange_put_own(const char *path, const char *text);

/* The system's configuration. The caller frees the text. */
enum ctl_exit sslchange_base(char ret_path[PATH_MAX], char **ret_text, struct stat *ret_stat);

enum ctl_exit sslchange_parse(const char *path, const char *text, struct sslconf *ret_conf);

/*
 * Writes the file of vmgen's own for which conf and base are, as sslconf_compose()
 * has them, and looks whether OpenSSL with that configuration does what it says and
 * all that it did before. If not, the file is as it was: others may be using it.
 */
enum ctl_exit sslchange_try(const char *own, const char *base, const struct sslconf *conf,
			    const char *configuration, const struct sslsystem *before);

/* What is not reached although all went well. */
void sslchange_tell_node(const struct sslconf *conf);

#endif /* SSLCHANGE_H */
