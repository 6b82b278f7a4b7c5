/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which connections the administrator's file keeps, and what is said of its mistakes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keys/exception.h"
#include "scratch.h"
#include "tap.h"

static struct exceptions exceptions;
static char error[EXCEPTION_ERROR_SIZE];

static int read_text(const char *text, mode_t mode)
{
	scratch_write("kept", text, mode);
	*error = '\0';
	return exception_read(scratch_path("kept"), &exceptions, error);
}

static bool is_told(int r, const char *words)
{
	if (r && strstr(error, words))
		return true;
	printf("# %d: %s\n", r, error);
	return false;
}

static const struct {
	const char *line, *words;
} mistakes[] = {
	{ "port", "line 2: nothing follows \"port\"" },
	{ "port 0", "\"0\" is no port" },
	{ "port 65536", "\"65536\" is no port" },
	{ "port ssh", "\"ssh\" is no port: write a number" },
	{ "peer example", "\"example\" is no address" },
	{ "peer 192.0.2.0/0", "\"0\" is no length of a prefix" },
	{ "peer 192.0.2.0/33", "from 1 to 32" },
	{ "peer 2001:db8::/129", "from 1 to 128" },
	{ "peer 192.0.2.1/24", "is no network of /24" },
	{ "address 2001:db8::1/64", "is no network of /64" },
	{ "port 1 port 2", "\"port\" is there twice" },
	{ "192.0.2.1 22", "\"192.0.2.1\" is none of address, port, peer" },
};

static void test_mistakes(void)
{
	char text[2048];
	size_t i;

	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		snprintf(text, sizeof(text), "port 9\n%s\n", mistakes[i].line);
		ok(is_told(read_text(text, 0644), mistakes[i].words), "\"%s\"",
		   mistakes[i].line);
	}
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ok(is_told(read_text(text, 0644), "has more than 1024 bytes"), "a line that is too long");
	ok(is_told(read_text("port 9\n", 0666), "chmod go-w"), "a file that others may write");
	scratch_write("kept", "port 9", 0644);
	ok(!truncate(scratch_path("kept"), 64), "a file with zero bytes is made");
	ok(is_told(exception_read(scratch_path("kept"), &exceptions, error), "zero byte"),
	   "it is told");
}

static void test_most(void)
{
	static char text[(EXCEPTION_MAX + 1) * sizeof("port 65535\n")];
	size_t i, n = 0;

	for (i = 0; i < EXCEPTION_MAX; i++)
		n += sprintf(text + n, "port %zu\n", i + 1);
	equal(read_text(text, 0644), 0, "as many as are possible");
	equal(exceptions.n, EXCEPTION_MAX, "are all taken");
	strcpy(text + n, "port 65535\n");
	ok(is_told(read_text(text, 0644), "line 1025: is one more than the 1024"), "one more is not");
}

static const struct {
	const char *line, *own, *peer;
	uint16_t own_port, peer_port;
	bool kept;
} cases[] = {
	{ "port 22", "::ffff:192.0.2.1", "2001:db8::2", 22, 9, true },
	{ "port 22", "::ffff:192.0.2.1", "2001:db8::2", 9, 22, false },
	{ "peer-port 22", "::ffff:192.0.2.1", "2001:db8::2", 9, 22, true },
	{ "peer 192.0.2.0/25", "2001:db8::1", "::ffff:192.0.2.127", 1, 1, true },
	{ "peer 192.0.2.0/25", "2001:db8::1", "::ffff:192.0.2.128", 1, 1, false },
	{ "peer 192.0.2.0/25", "::ffff:192.0.2.1", "2001:db8::1", 1, 1, false },
	{ "peer 192.0.2.5", "2001:db8::1", "::ffff:192.0.2.5", 1, 1, true },
	{ "peer 192.0.2.5", "2001:db8::1", "::ffff:192.0.2.4", 1, 1, false },
	{ "address 2001:db8:8000::/33", "2001:db8:8000::1", "2001:db8::1", 1, 1, true },
	{ "address 2001:db8:8000::/33", "2001:db8:7fff::1", "2001:db8:8000::", 1, 1, false },
	{ "peer 192.0.2.5 port 22", "::1", "::ffff:192.0.2.5", 22, 1, true },
	{ "peer 192.0.2.5 port 22", "::1", "::ffff:192.0.2.5", 23, 1, false },
	{ "port 23 # a comment\n\n  port 22", "::1", "::2", 22, 1, true },
	{ "# port 22", "::1", "::2", 22, 1, false },
};

static void test_cases(void)
{
	struct connection_ends ends;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ends = (struct connection_ends){
			.own_port = cases[i].own_port, .peer_port = cases[i].peer_port,
		};
		(void)inet_pton(AF_INET6, cases[i].own, &ends.own);
		(void)inet_pton(AF_INET6, cases[i].peer, &ends.peer);
		ok(!read_text(cases[i].line, 0644) &&
		   exception_holds(&exceptions, &ends) == cases[i].kept, "case %zu: %s, %s", i,
		   cases[i].kept ? "kept" : "not kept", cases[i].peer);
	}
}

int main(void)
{
	scratch_create();
	equal(exception_read(scratch_path("none"), &exceptions, error), 0, "no file, no exception");
	equal(exceptions.n, 0, "none");
	test_mistakes();
	test_most();
	test_cases();
	return tap_done();
}
