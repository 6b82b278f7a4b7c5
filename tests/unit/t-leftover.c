/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Processes that go on are named, no matter what they call themselves.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "process/leftover.h"
#include "scratch.h"
#include "tap.h"

static pid_t begin(const char *name)
{
	char byte;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_NAME, name);
		(void)!write(fds[1], "", 1);
		for (;;)
			pause();
	}
	close(fds[1]);
	equal(read(fds[0], &byte, 1), 1, "a process begins");
	close(fds[0]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void test_names(void)
{
	static const char *const names[][2] = {
		{ "plain", "plain" },
		{ "x (1), sshd", "\"x (1), sshd\"" },
		{ "\033[31mred\n", "\\x1b[31mred\\x0a" },
		{ "", "?" },
	};
	char text[LEFTOVER_TEXT_SIZE], want[256];
	size_t i;
	pid_t pid;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct leftover left = { .n_processes = 0 };

		pid = begin(names[i][0]);
		leftover_add(&left, pid);
		snprintf(want, sizeof(want), "%s (%d)", names[i][1], (int)pid);
		if (!ok(!strcmp(leftover_text(&left, text), want), "%s", want))
			printf("# %s\n", text);
		end(pid);
		snprintf(want, sizeof(want), "? (%d)", (int)pid);
		ok(!strcmp(leftover_text(&left, text), want), "and when it has ended");
	}
}

static void test_many(void)
{
	/* As many bytes as a name can have, each in its longest form. */
	char name[16] = " \033\033\033\033\033\033\033\033\033\033\033\033\033\033";
	struct leftover left = { .n_processes = 0 };
	char text[LEFTOVER_TEXT_SIZE];
	pid_t pid = begin(name);
	size_t i;

	ok(!*leftover_text(&left, text), "none");
	for (i = 0; i < 1000; i++)
		leftover_add(&left, pid);
	ok(strlen(leftover_text(&left, text)) > LEFTOVER_NAMED * 14 * strlen("\\\\x1b"), "the longest names fit");
	ok(strstr(text, "), ...") == text + strlen(text) - 6, "and the rest is told");
	end(pid);
}

int main(void)
{
	test_names();
	test_many();
	return tap_done();
}
