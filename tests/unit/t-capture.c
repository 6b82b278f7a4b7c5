/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A program is asked, and nobody waits for it longer than was said.
 */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/deadline.h"
#include "process/capture.h"
#include "process/child.h"
#include "scratch.h"
#include "tap.h"

enum { PATIENT_MS = 60000, SHORT_MS = 200 };

static char text[64];
static char *environment[] = { (char *)"WORD=its own", NULL };

static int ask(const char *script, int timeout_ms)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	strcpy(text, "before");
	return capture_output(argv, environment, timeout_ms, text, sizeof(text));
}

static bool has_children(void)
{
	return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
}

static void test_answers(void)
{
	const char *argv[] = { "sh", "-c", "echo nobody hears; exit 4", NULL };
	int fd = fcntl(STDIN_FILENO, F_DUPFD, 40);

	ok(!ask("echo $WORD; echo error >&2", PATIENT_MS) && !strcmp(text, "its own\n"), "what it prints");
	ok(ask("echo $WORD; exit 3", PATIENT_MS) == 3 && !strcmp(text, "its own\n"), "of one that fails as well");
	equal(ask("kill -9 $$", PATIENT_MS), -EIO, "a signal ends it");
	ok(ask("echo much; head -c 99999 /dev/zero", PATIENT_MS) == -EFBIG && !strncmp(text, "much\n", 5),
	   "more than there is room for");
	equal(capture_output(argv, environment, PATIENT_MS, NULL, 0), 4, "thrown away");
	ok(fd >= 40 && !ask("ls /proc/self/fd", PATIENT_MS) && !strstr(text, "4"), "it has no descriptor of ours");
	close(fd);
	argv[0] = "no-such-program";
	equal(capture_output(argv, environment, PATIENT_MS, NULL, 0), 127, "there is no such program");
	scratch_write("text", "exit 0\n", 0755);
	argv[0] = scratch_path("text");
	equal(capture_output(argv, environment, PATIENT_MS, NULL, 0), 127, "text is not given to a shell");
	ok(!has_children(), "all of them are reaped");
}

static void test_deadlines(void)
{
	int64_t deadline = deadline_in(2 * PATIENT_MS);
	int limit = SHORT_MS, r;
	const char *const argv[] = { "sleep", "30", NULL };

	/* With time for its first word, however slow the machine is. */
	do {
		r = ask("trap '' TERM; echo begun; sleep 30; sleep 30", limit);
		limit *= 2;
	} while (r == -ETIMEDOUT && !*text && limit < PATIENT_MS / 2);
	ok(r == -ETIMEDOUT && !strcmp(text, "begun\n"), "one that hangs is ended");
	equal(ask("exec >/dev/null; sleep 30", SHORT_MS), -ETIMEDOUT, "also one that has closed its output");
	equal(ask("sleep 30 & echo begun", SHORT_MS), -ETIMEDOUT, "and one that leaves its output to another");
	equal(capture_output(argv, environment, SHORT_MS, NULL, 0), -ETIMEDOUT, "and one that nobody hears");
	ok(deadline_left(deadline), "soon");
	ok(!has_children(), "all of them are reaped");
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal)
{
	(void)signal;
	n_alarms++;
}

/* Signals neither end a wait nor make it longer. */
static void test_signals(void)
{
	/* Not so often that a fork(2) on a slow machine begins again for ever. */
	const struct itimerval often = {
		.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000,
	}, never = {};
	const struct sigaction action = { .sa_handler = on_alarm };
	int64_t end = deadline_in(SHORT_MS);
	int fds[2], r;

	if (pipe(fds))
		scratch_give_up("pipe");
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	r = deadline_wait(fds[0], end);
	ok(r == -ETIMEDOUT && !deadline_left(end) && n_alarms, "signals end no wait");
	equal(ask("exit 5", PATIENT_MS), 5, "nor that for a program");
	(void)setitimer(ITIMER_REAL, &never, NULL);
	close(fds[1]);
	equal(deadline_wait(fds[0], end), 0, "what is there is seen, though the time is over");
	close(fds[0]);
	equal(deadline_left(INT64_MAX), INT_MAX, "a wait without an end fits poll(2)");
}

static void test_ends(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	ok(!child_end(pid, deadline_in(PATIENT_MS), &status) && WEXITSTATUS(status) == 7, "a child ends by itself");
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	status = 4711;
	ok(child_end(pid, 0, &status) == -ETIMEDOUT && status == 4711, "or is killed");
	equal(child_end(pid, 0, &status), -ECHILD, "and is reaped");
}

int main(void)
{
	scratch_create();
	test_answers();
	test_deadlines();
	test_signals();
	test_ends();
	return tap_done();
}
