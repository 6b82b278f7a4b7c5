/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fields for the journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 * Not by sd_journal_sendv(3): that waits while journald does not read, and keeps a
 * descriptor, which the keepers of hooks have closed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "journal.h"
#include "paths.h"
#include "sink.h"

/* A line of the log, and some fields. */
enum { ENTRY_SIZE = 6144 };

struct entry {
	size_t used;
	char text[ENTRY_SIZE];
};

static const char *const ids[] = {
	[MESSAGE_NONE]		= "",
	[MESSAGE_CHANGED]	= "2dbcca02937e4599b4d604fbe0d0e489",
	[MESSAGE_UNKNOWN]	= "53b6d933beed472b8552580e505ea763",
	[MESSAGE_ADOPTED]	= "22e1ae802a6e4b09b19a41951cbbf24f",
	[MESSAGE_HOOK_DONE]	= "3641d3e4178b48c3b32e4fd8b95adca9",
	[MESSAGE_HOOK_FAILED]	= "29a81433aa3745a6b80d4794124998bf",
	[MESSAGE_HANDLED]	= "3af895d6258645608063895369e9c0bc",
	[MESSAGE_DEGRADED]	= "964912e39ac445c3a3b3cc6020a50e3b",
	[MESSAGE_NOT_RESEEDED]	= "1d7e6b3036984008b34582631b417538",
	[MESSAGE_NOT_RECORDED]	= "c9a057b5d7224c448d082a6b7d3d0898",
};

static const struct log_fields *context;

void journal_context(const struct log_fields *fields)
{
	context = fields;
}

static void add(struct entry *entry, const char *name, const char *value)
{
	size_t room = sizeof(entry->text) - entry->used;
	int n;

	/* A newline would begin another field. */
	if (!value || !*value || strchr(value, '\n'))
		return;
	n = snprintf(entry->text + entry->used, room, "%s=%s\n", name, value);
	if (n > 0 && (size_t)n < room)
		entry->used += n;
}

static void add_number(struct entry *entry, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add(entry, name, number ? text : NULL);
}

/*
 * When journald looks, a keeper may be gone, and with it what says that it was of the
 * service. Its parent is too, and lives; PID 1 has adopted it if vmgend has ended.
 */
static void add_origin(struct entry *entry)
{
	if (getppid() > 1)
		add_number(entry, "OBJECT_PID", getppid());
}

bool journal_send(int priority, const struct log_fields *own, const char *line)
{
	static const struct log_fields nothing = { .message = MESSAGE_NONE };
	const struct log_fields *fields = own ?: &nothing, *more = context ?: &nothing;
	struct entry entry = { .used = 0 };

	if (!own && !context)
		return false;
	add(&entry, "MESSAGE", line);
	add_number(&entry, "PRIORITY", priority);
	add_number(&entry, "SYSLOG_FACILITY", LOG_DAEMON >> 3);
	add(&entry, "SYSLOG_IDENTIFIER", "vmgend");
	add(&entry, "MESSAGE_ID", ids[fields->message]);
	add(&entry, "VMGEN_EVENT", fields->event ?: more->event);
	add(&entry, "VMGEN_HOOK", fields->hook ?: more->hook);
	add(&entry, "VMGEN_OUTCOME", fields->outcome ?: more->outcome);
	add_number(&entry, "VMGEN_GENERATION", fields->generation ?: more->generation);
	if (context)
		add_origin(&entry);
	return !sink_send(PATH_JOURNAL, entry.text, entry.used);
}
