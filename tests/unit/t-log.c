/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The log: whole lines, with a priority where the journal reads them.
 */
#include <errno.h>

#include "base/log.h"
#include "socket.h"
#include "tap.h"

static void log_to_file(int with_stream)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	char stream[64], longer[4000];
	struct stat st;

	fstat(fd, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + !with_stream);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_init();
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	errno = EXDEV;
	log_error("bad: %d", 7);
	log_info("two\nlines\tand \033[31m \xff");
	log_warning("%s", longer);
	equal(errno, EXDEV, "errno is left alone");
	dup2(saved, STDERR_FILENO);
	close(saved);
}

int main(void)
{
	const char *log;

	scratch_create();
	log_to_file(0);
	log = scratch_read("log");
	ok(!strncmp(log, "bad: 7\ntwo\\x0alines\tand \\x1b[31m \\xff\nxxx", 41),
	   "lines as they are, made safe");
	log_to_file(1);
	log = scratch_read("log");
	ok(!strncmp(log, "<3>bad: 7\n<6>two\\x0a", 20), "with the priority for the journal");
	ok(strstr(log, "\n<4>xxx") && log[strlen(log) - 1] == '\n' && strlen(log) < 2200,
	   "a long line is cut and still ends");
	log_to_syslog();
	log_to_file(1);
	ok(!*scratch_read("log"), "with syslog nothing goes elsewhere");
	return tap_done();
}
