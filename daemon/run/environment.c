/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook is told. It is all text of a known size, so it needs no memory
 * but its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/paths.h"
#include "environment.h"

/* Returns the text, which fits: the sizes of all parts are known. */
static char * __attribute__((format(printf, 2, 3)))
add(struct environment *environment, const char *format, ...)
{
	char *text = environment->text + environment->used;
	va_list args;

	va_start(args, format);
	environment->used += 1 + vsnprintf(text, sizeof(environment->text) - environment->used,
					   format, args);
	va_end(args);
	return text;
}

static void set(struct environment *environment, const char *name, const char *value)
{
	environment->envp[environment->n_variables++] = add(environment, "%s=%s", name, value);
	environment->envp[environment->n_variables] = NULL;
}

/* What every hook finds. */
static void begin(struct environment *environment, const struct hook *hook)
{
	environment->used = 0;
	environment->n_variables = 0;
	environment->argv[0] = add(environment, "%s/%s", hook->directory, hook->name);
	environment->argv[1] = NULL;
	environment->envp[environment->n_variables++] = (char *)"PATH=" PATH_PROGRAMS;
	set(environment, "LANG", "C.UTF-8");
}

void environment_init_standby(struct environment *environment, const struct hook *hook)
{
	begin(environment, hook);
	set(environment, "VMGEN_STANDBY", "1");
}

ssize_t environment_pack(const struct environment *environment,
			 char ret_packet[static ENVIRONMENT_PACKET_SIZE])
{
	size_t used = 0, size, i;

	for (i = 0; i < environment->n_variables; i++, used += size) {
		size = strlen(environment->envp[i]) + 1;
		if (size > ENVIRONMENT_PACKET_SIZE - used)
			return -E2BIG;
		memcpy(ret_packet + used, environment->envp[i], size);
	}
	return used;
}

void environment_init(struct environment *environment, const struct record *run,
		      const struct hook *hook, const struct account *account)
{
	const char *event = event_name(run->event), *generation;

	begin(environment, hook);
	generation = add(environment, "%" PRIu64, run->generation);
	environment->argv[1] = (char *)event;
	environment->argv[2] = (char *)generation;
	environment->argv[3] = NULL;
	set(environment, "VMGEN_EVENT", event);
	set(environment, "VMGEN_GENERATION", generation);
	set(environment, "VMGEN_SOURCE", run->source);
	set(environment, "VMGEN_HINT", run->hint);
	/* Guards begin before anybody has read it, so none of them ever gets it. */
	set(environment, "VMGEN_INTENT", event_is_guard(hook->band) ? "" : run->intent);
	set(environment, "VMGEN_NAME", event_is_guard(hook->band) ? "" : run->name);
	set(environment, "VMGEN_ID_HASH", run->id_hash);
	if (!account)
		return;
	set(environment, "USER", account->name);
	set(environment, "LOGNAME", account->name);
	set(environment, "HOME", account->home);
}
