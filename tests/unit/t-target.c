/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How the target is asked for, from a systemctl of this test's own.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "base/systemd.h"
#include "repair/target.h"
#include "scratch.h"
#include "tap.h"

static bool booted;

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return booted;
}

static void finish(struct target *target)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS && target->pid; i++) {
		usleep(10000);
		target_advance(target);
	}
}

static void log_to(const char *name)
{
	int fd = open(scratch_path("%s", name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(fd, STDERR_FILENO);
	close(fd);
}

int main(void)
{
	struct target target = { .pid = 0 };
	char script[2 * PATH_MAX];
	int i;

	scratch_create();
	(void)setenv("PATH", scratch_path("bin"), 1);
	(void)signal(SIGPIPE, SIG_IGN);
	log_to("log");
	target_start(&target);
	equal(target.pid, 0, "without systemd nothing is asked for");
	booted = true;
	target_start(&target);
	finish(&target);
	equal(target.pid, 0, "without systemctl neither");
	ok(strstr(scratch_read("log"), "systemctl: No such file"), "which is told");

	scratch_mkdir("bin", 0755);
	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$@\" >>%s\nuntil test -e %s; do /bin/sleep 0.01; done\n",
		 scratch_path("calls"), scratch_path("go"));
	scratch_write("bin/systemctl", script, 0755);
	target_start(&target);
	ok(target.pid > 0, "with it, it is");
	target_start(&target);
	target_start(&target);
	target_advance(&target);
	ok(target.pid > 0 && target.again, "a change meanwhile is kept in mind");
	scratch_write("go", "", 0600);
	finish(&target);
	ok(!strcmp(scratch_read("calls"),
		   "--no-block --no-ask-password start vmgen-changed.target\n"
		   "--no-block --no-ask-password start vmgen-changed.target\n"), "and asked for once more");
	ok(!target.again && waitpid(-1, NULL, WNOHANG) < 0, "nothing is left over");
	scratch_write("bin/systemctl", "#!/bin/sh\nexit 5\n", 0755);
	log_to("log");
	target_start(&target);
	finish(&target);
	ok(strstr(scratch_read("log"), "is the unit installed?"), "a refusal is told");

	snprintf(script, sizeof(script), "#!/bin/sh\n: >%s\nexec /bin/sleep 1000\n", scratch_path("hangs"));
	scratch_write("bin/systemctl", script, 0755);
	log_to("log");
	target.limit_sec = 2;
	target_start(&target);
	target_start(&target);
	for (i = 0; i < SCRATCH_LOOKS && access(scratch_path("hangs"), F_OK); i++)
		usleep(10000);
	scratch_write("bin/systemctl", "#!/bin/sh\n", 0755);
	finish(&target);
	ok(strstr(scratch_read("log"), "systemctl did not end within 2 s"), "one that hangs is ended");
	ok(!target.pid && !target.again, "and it is asked for again");
	return tap_done();
}
