/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The log of vmgend. Lines that have no fields for the journal get there by standard
 * error, with the prefixes of sd-daemon(3): who has ended by then is still known.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "sink.h"
#include "text.h"

enum {
	LINE_SIZE = 2048,
	/* Made safe; a pipe takes so much as a whole, with the priority and the newline. */
	SAFE_SIZE = PIPE_BUF - 8,
};

#define PATH_SYSLOG	"/dev/log"

static bool journal, use_syslog;
static unsigned int lost;
static pid_t lost_by;

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
 * Not by syslog(3), which waits while nobody reads. The reader adds the time. Keepers
 * of hooks log as well, so the process ID is there.
 */
static int write_syslog(int priority, const char *line)
{
	char message[SAFE_SIZE + 64];
	int length = snprintf(message, sizeof(message), "<%d>vmgend[%d]: %s", LOG_DAEMON | priority,
			      (int)getpid(), line);

	return sink_send(PATH_SYSLOG, message, length);
}

/* Returns 0 or -errno. */
static int write_line(int priority, const char *line)
{
	char text[PIPE_BUF];
	int length;

	if (use_syslog)
		return write_syslog(priority, line);
	length = journal ? snprintf(text, sizeof(text), "<%d>%s\n", priority, line) :
			   snprintf(text, sizeof(text), "%s\n", line);
	return sink_write(STDERR_FILENO, text, length);
}

/* As far as somebody is left who can be told. */
static void tell_lost(void)
{
	char line[96];

	/* A keeper does not tell what was lost before it was forked. */
	if (lost && lost_by == getpid()) {
		snprintf(line, sizeof(line), "%u lines of the log were lost here: nobody took them at once",
			 lost);
		if (write_line(LOG_WARNING, line))
			return;
	}
	lost = 0;
}

static void __attribute__((format(printf, 3, 0)))
write_log(int priority, const struct log_fields *fields, const char *format, va_list args)
{
	char line[LINE_SIZE], safe[SAFE_SIZE];
	int saved = errno, length;

	length = vsnprintf(line, sizeof(line), format, args);
	if (length < 0)
		goto out;
	if (length >= LINE_SIZE)
		length = text_whole(line, LINE_SIZE - 1);
	text_escape(TEXT_LINE, line, length, safe, sizeof(safe), NULL);
	tell_lost();
	if ((journal && !use_syslog && journal_send(priority, fields, safe)) ||
	    !write_line(priority, safe))
		goto out;
	lost++;
	lost_by = getpid();
out:
	errno = saved;
}

void log_line(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_log(priority, NULL, format, args);
	va_end(args);
}

void log_event(int priority, const struct log_fields *fields, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_log(priority, fields, format, args);
	va_end(args);
}
