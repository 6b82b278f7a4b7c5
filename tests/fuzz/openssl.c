/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * openssl.cnf, to which vmgenctl openssl enable adds lines: they are taken out again byte for
 * byte, and what is composed for it is read as the sections that it was composed of.
 *
 * Input: the file.
 */
#include <errno.h>

#include "ctl/openssl/sslconf.h"
#include "demand.h"

static void try_lines(const char *text)
{
	const char *lines = NULL;
	char *with, *without;
	int r = sslconf_find(text, &lines);

	demand(r == -ENOENT || r == -EILSEQ || (!r && lines >= text && lines < text + strlen(text)));
	demand((r == -ENOENT) == !strstr(text, SSLCONF_SYSTEM));
	if (r != -ENOENT)
		return;
	with = sslconf_add(text);
	demand(with && !sslconf_find(with, &lines));
	without = sslconf_remove(with, lines);
	demand(without && !strcmp(text, without));
	free(without);
	free(with);
}

static void demand_name(const char *name)
{
	demand(strnlen(name, SSLCONF_NAME_SIZE) < SSLCONF_NAME_SIZE && !strpbrk(name, " \t\r\n=[]#$\\\""));
}

static void try_composed(const struct sslconf *conf)
{
	char *text = sslconf_compose(conf, NULL, true);
	struct sslconf again;

	demand(text && sslconf_is_ours(text));
	/* Only a file that names no section of its own is whole without the one that includes it. */
	if (!*conf->start) {
		demand(!sslconf_parse(text, &again));
		demand(*again.start && *again.providers && !strcmp(again.random, "vmgen_random"));
		demand(sslconf_reaches_node(conf) == !!*again.node);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sslconf conf, untouched;
	char *text = malloc(size + 1);
	int r;

	demand(text);
	memcpy(text, data, size);
	text[size] = '\0';
	memset(&conf, 0xa5, sizeof(conf));
	memcpy(&untouched, &conf, sizeof(conf));
	r = sslconf_parse(text, &conf);
	if (r) {
		demand(r == -EINVAL && !memcmp(&conf, &untouched, sizeof(conf)));
	} else {
		demand_name(conf.start);
		demand_name(conf.providers);
		demand_name(conf.random);
		demand_name(conf.node);
		demand(*conf.start || (!*conf.providers && !*conf.random));
		try_composed(&conf);
	}
	try_lines(text);
	free(text);
	return 0;
}
