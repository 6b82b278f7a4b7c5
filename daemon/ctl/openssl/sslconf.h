/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The text of OpenSSL's configuration, see config(5ssl): what of it concerns random
 * numbers, the lines that lead to vmgen's own file, and what stands in that.
 */
#ifndef SSLCONF_H
#define SSLCONF_H

#include <stdbool.h>

/* In CONFDIR. */
#define SSLCONF_SYSTEM	"/etc/vmgen/openssl.cnf"
#define SSLCONF_SERVICE	"/etc/vmgen/openssl-service.cnf"

/* What Node.js starts with instead of openssl_conf. In our own file if that reaches it. */
#define SSLCONF_NODE	"nodejs_conf"

enum { SSLCONF_NAME_SIZE = 64 };

/* Names of sections; empty: the file names none. */
struct sslconf {
	char start[SSLCONF_NAME_SIZE];
	char providers[SSLCONF_NAME_SIZE];
	char random[SSLCONF_NAME_SIZE];
	/* Where Node.js starts, which reads no other; "?": another file may say so. */
	char node[SSLCONF_NAME_SIZE];
};

/*
 * Reads what a configuration says of its sections. Files that it includes are not
 * read. Returns 0; -EINVAL: it names a section in a way that only OpenSSL can read.
 */
int sslconf_parse(const char *text, struct sslconf *ret_conf);

/*
 * Finds the lines that lead to SSLCONF_SYSTEM. Returns 0 and where they begin;
 * -ENOENT; -EILSEQ: somebody has changed them.
 */
int sslconf_find(const char *text, const char **ret_lines);

/* With these lines, or without: byte for byte the other way round. NULL: no memory. */
char *sslconf_add(const char *text);
char *sslconf_remove(const char *text, const char *lines);

/* Does Node.js, which looks for nodejs_conf, do what our own file says? */
bool sslconf_reaches_node(const struct sslconf *conf);

/*
 * What stands in vmgen's own file. base: to be included; NULL: nothing. usual: name
 * OpenSSL's default provider as well. NULL: no memory.
 */
char *sslconf_compose(const struct sslconf *conf, const char *base, bool usual);

/* Does the text begin as sslconf_compose() has it? */
bool sslconf_is_ours(const char *text);

#endif /* SSLCONF_H */
