/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The log of vmgend. sd-daemon(3) prefixes are used instead of the journal's
 * own protocol, because then the same lines can be read in a terminal.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

enum {
	LINE_SIZE = 2048,
	/* Made safe; a pipe takes so much as a whole. */
	SAFE_SIZE = 4096,
};

static bool journal, use_syslog;

void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	/* The variable outlives a redirection of standard error. */
	journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		  !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_to_syslog(void)
{
	use_syslog = true;
}

/*
 * The connection is closed each time: a child that has closed all descriptors
 * would write to whatever file has its number then. Keepers of hooks log as
 * well, hence the process ID.
 */
static void write_syslog(int priority, const char *line, int length)
{
	openlog("vmgend", LOG_PID, LOG_DAEMON);
	syslog(priority, "%.*s", length, line);
	closelog();
}

void log_line(int priority, const char *format, ...)
{
	char line[LINE_SIZE], safe[SAFE_SIZE];
	int saved = errno, start = 0, length;
	size_t used;
	va_list args;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length < 0)
		goto out;
	if (length >= LINE_SIZE)
		length = text_whole(line, LINE_SIZE - 1);
	if (journal && !use_syslog)
		start = snprintf(safe, sizeof(safe), "<%d>", priority);
	text_escape(TEXT_LINE, line, length, safe + start, sizeof(safe) - start - 1, &used);
	used += start;
	/* Nobody is left to tell if the log itself is gone. */
	if (use_syslog) {
		write_syslog(priority, safe, used);
	} else {
		safe[used++] = '\n';
		(void)!write(STDERR_FILENO, safe, used);
	}
out:
	errno = saved;
}
