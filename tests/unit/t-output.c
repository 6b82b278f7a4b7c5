/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What hooks print: the beginning and the end reach the log, as text.
 */
#include <errno.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/text.h"
#include "run/output.h"
#include "scratch.h"
#include "tap.h"

static struct output output;
static char excerpt[OUTPUT_EXCERPT_SIZE];

/* Gives it all that a child prints, and the log to a file. */
static const char *pump(const char *name, void (*print)(FILE *))
{
	int saved = dup(STDERR_FILENO), fds[2],
	    fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	pid_t child;
	FILE *file;

	if (pipe(fds) || fd < 0)
		scratch_give_up("pipe");
	child = fork();
	if (!child) {
		close(fds[0]);
		file = fdopen(fds[1], "w");
		print(file);
		fclose(file);
		_exit(0);
	}
	close(fds[1]);
	dup2(fd, STDERR_FILENO);
	close(fd);
	output = (struct output){ .name = name };
	/* In odd pieces, so that characters and lines come in parts. */
	while (output_pump(&output, fds[0], 997))
		;
	output_finish(&output);
	output_tail(&output, excerpt);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	waitpid(child, NULL, 0);
	return scratch_read("log");
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

static size_t longest(const char *log)
{
	size_t most = 0, length;

	for (; *log; log += length + 1) {
		length = strcspn(log, "\n");
		if (length > most)
			most = length;
	}
	return most;
}

static void steps(FILE *file)
{
	int i;

	for (i = 0; i < 1000; i++)
		fprintf(file, "TASK [step %03d] ok: changed=0\n", i);
	fputs("FATAL: cannot reach the database", file);
}

static void test_ends(void)
{
	const char *log = pump("80-play", steps), *gap;

	ok(!strncmp(log, "80-play| TASK [step 000]", 24), "the beginning is logged");
	ok(strstr(log, "80-play| FATAL: cannot reach the database\n"), "and the end, which says why");
	equal(count(log, "TASK"), 35 + (8192 - 33) / 30, "1 KiB of the one and 8 KiB of the other");
	gap = strstr(log, "80-play: 20820 bytes of its output are left out here\n");
	ok(gap && strstr(log, "[step 034]") < gap && strstr(gap, "[step 999]"),
	   "what is left out is said where it stood");
	ok(strlen(excerpt) < sizeof(excerpt) && !strncmp(excerpt, "TASK [step 96", 13) &&
	   !strcmp(excerpt + strlen(excerpt) - 33, "\nFATAL: cannot reach the database"),
	   "the last KiB of it can be had, from a line's beginning on");
}

static void some(FILE *file)
{
	fputs("one\ntwo\n\nfour", file);
}

static void much(FILE *file)
{
	int i;

	for (i = 0; i < 200; i++)
		fprintf(file, "a line, the %03dth\n", i);
}

static void nothing(FILE *file)
{
	(void)file;
}

static void test_short(void)
{
	const char *log = pump("x", some);

	ok(!strcmp(log, "x| one\nx| two\nx| \nx| four\n"), "short output is logged as it is");
	ok(!strcmp(excerpt, "one\ntwo\n\nfour"), "and kept as it is");
	log = pump("x", much);
	equal(count(log, "a line"), 200, "what fits is logged, each line once");
	ok(!strstr(log, "left out"), "and nothing is left out");
	log = pump("x", nothing);
	ok(!*log && !*excerpt, "nothing is nothing");
}

static void evil(FILE *file)
{
	fputs("\033[31mred\033]0;t\a\n<0>emerg\nc1 \xc2\x9b" "31m raw \x9b" "31m bad \xff\xfe\n"
	      "vmgend: handled\rfoo\nrtl \u202e ls \u2028 zw \u200b\n", file);
	fwrite("nul\0nul\n", 1, 8, file);
}

static void umlauts(FILE *file)
{
	int i;

	fputc('x', file);
	for (i = 0; i < 3000; i++)
		fputs("\u00e4", file);
	fputs("\n", file);
	for (i = 0; i < 3000; i++)
		fputc(0x9b, file);
}

static void test_text(void)
{
	static char again[1 << 16];
	const char *log = pump("x", evil);

	ok(!strcmp(log, "x| \\x1b[31mred\\x1b]0;t\\x07\nx| <0>emerg\n"
		   "x| c1 \\u009b31m raw \\x9b31m bad \\xff\\xfe\nx| vmgend: handled\\x0dfoo\n"
		   "x| rtl \\u202e ls \\u2028 zw \\u200b\nx| nul\\x00nul\n"), "the log gets text");
	log = pump("x", umlauts);
	text_escape(TEXT_LINES, log, strlen(log), again, sizeof(again), NULL);
	ok(!strcmp(log, again), "a long line is split between characters");
	ok(longest(log) < OUTPUT_LINE_SIZE + 3, "into lines that are not too long: %zu", longest(log));
	ok(strlen(excerpt) > 500 && !strncmp(excerpt, "\\x9b", 4), "and is kept so");
	ok(!strcmp(excerpt + strlen(excerpt) - 4, "\\x9b"), "to its end");
}

static void binary(FILE *file)
{
	int i;

	/* Two million, of all kinds. */
	for (i = 0; i < 2000000; i++)
		fputc((unsigned int)i * 7919 >> 3, file);
}

static void newlines(FILE *file)
{
	int i;

	for (i = 0; i < 1000000; i++)
		fputc('\n', file);
}

static void test_bounds(void)
{
	const char *log = pump("x", binary);

	ok(strlen(log) < 5 * (OUTPUT_HEAD + OUTPUT_TAIL), "output without end has one in the log: %zu bytes",
	   strlen(log));
	ok(strstr(log, " bytes of its output are left out here\n"), "which says how much it has not");
	log = pump("x", newlines);
	ok(count(log, "x| ") <= OUTPUT_HEAD + OUTPUT_TAIL, "and lines without text: %zu", count(log, "x| "));
	ok(strstr(log, "x: 990785 bytes"), "the others are counted");
}

int main(void)
{
	scratch_create();
	test_ends();
	test_short();
	test_text();
	test_bounds();
	return tap_done();
}
