/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl fence with a service manager that the test plays: it has loaded what it says, not
 * what lies on the disk.
 */
#ifndef FENCED_H
#define FENCED_H

int vmgenctl_main(int argc, char **argv);
#define main vmgenctl_main
#include "ctl/main.c"
#undef main

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/systemd.h"
#include "ctl/systemd/dropin.h"
#include "ctl/systemd/manager.h"
#include "ctl/systemd/mask.h"
#include "scratch.h"
#include "tap.h"

#define DROP_IN		"units/%s.d/zz-vmgen-fence.conf"

static bool booted = true;
static const char *generation;
static uid_t user;

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return booted;
}

/*
 * $D/known/NAME: what there is to say of a unit; aliases are links. Only a reload takes
 * drop-ins in. $D/hang and $D/deaf: it does not answer, it fails.
 */
static const char manager[] =
	"#!/bin/sh\n"
	"D=${0%/bin/*}\n"
	"echo \"$*\" >>$D/calls\n"
	"[ ! -e $D/hang ] || { echo $$ >$D/pid; exec sleep 1000; }\n"
	"[ ! -e $D/deaf ] || exit 1\n"
	"[ -z \"$DBUS_SYSTEM_BUS_ADDRESS\" ] || exit 1\n"
	"if [ \"$1\" = daemon-reload ]; then\n"
	"	[ ! -e $D/stuck ] || exec sleep 1000\n"
	"	rm -rf $D/loaded; cp -r $D/units $D/loaded; exit\n"
	"fi\n"
	"for unit; do :; done\n"
	"if [ ! -e $D/known/$unit ]; then\n"
	"	printf 'Id=%s\\nNames=%s\\nLoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n' $unit $unit; exit\n"
	"fi\n"
	"cat $D/known/$unit\n"
	"id=$(sed -n s/^Id=//p $D/known/$unit)\n"
	"f=loaded/$id.d/zz-vmgen-fence.conf\n"
	"[ -e $D/$f ] && [ ! -e $D/ignores ] || exit 0\n"
	"echo DropInPaths=/other.conf $D/units/$id.d/zz-vmgen-fence.conf\n"
	"words=$(sed -n \"s/^ExecStartPre=+\\([^ ]*\\) -c '\\(.*\\)'$/-c \\2/p\" $D/$f |\n"
	"	sed \"s/%n/$id/g\")\n"
	"echo \"ExecStartPre={ path=/bin/sh ; argv[]=/bin/sh $words ; ignore_errors=no ; start_time=[n/a] }\"\n";

/* What "systemctl show" prints, and a list of what the unit has for ExecStartPre=. */
static void unit(const char *name, const char *state, const char *asks)
{
	char text[2048], file[64];

	snprintf(text, sizeof(text), "Id=%s\nNames=%s alias-%s\nLoadState=loaded\n%s\n%s", name, name, name,
		 state, asks);
	snprintf(file, sizeof(file), "known/%s", name);
	scratch_write(file, text, 0644);
	(void)!symlink(name, scratch_path("known/alias-%s", name));
}

#define DOWN	"ActiveState=inactive\nSubState=dead"
#define UP	"ActiveState=active\nSubState=running"
#define COMMAND(program, words, ignore) \
	"ExecStartPre={ path=" program " ; argv[]=" program " " words " ; ignore_errors=" ignore " ; pid=0 }\n"

static int run(const char *const words[])
{
	char runtime[PATH_MAX + 16], state[PATH_MAX + 16], *argv[16];
	int argc = 0, fd, status;
	pid_t pid;

	fflush(stdout);
	unlink(scratch_path("out"));
	pid = fork();
	if (!pid) {
		snprintf(runtime, sizeof(runtime), "--runtime-dir=%s", scratch_directory);
		snprintf(state, sizeof(state), "--state-dir=%s", scratch_path("state"));
		argv[argc++] = (char *)"vmgenctl";
		argv[argc++] = (char *)"--device=/nonexistent";
		argv[argc++] = runtime;
		argv[argc++] = state;
		for (; *words; words++)
			argv[argc++] = (char *)*words;
		argv[argc] = NULL;
		if (generation)
			(void)setenv("VMGEN_GENERATION", generation, 1);
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (user && setuid(user))
			_exit(99);
		fd = vmgenctl_main(argc, argv);
		fflush(stdout);
		_exit(fd);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *text)
{
	return strstr(scratch_read("out"), text);
}

#define RUN(...) run((const char *[]){ "fence", __VA_ARGS__, NULL })

static void expect(int got, int want, const char *text)
{
	if (!ok(got == want && says(text), "%d, %s", want, text))
		printf("# %d %s\n", got, scratch_read("out"));
}

static bool exists(const char *format, const char *name)
{
	char file[NAME_MAX];
	struct stat st;

	snprintf(file, sizeof(file), "%s%s%s", format, name ? name : "", name ? ".d/zz-vmgen-fence.conf" : "");
	return !lstat(scratch_path("%s", file), &st);
}

#define FENCED(name)	exists("state/fence/" name, NULL)
#define DROPPED(name)	exists("units/", name)
#define PUT(name, text)	scratch_write(name, text, 0644)
#define DROP(name)	unlink(scratch_path(name))

static void fenced_create(void)
{
	char path[2 * PATH_MAX];

	scratch_create();
	scratch_mkdir("bin", 0755);
	scratch_mkdir("known", 0755);
	scratch_mkdir("units", 0755);
	scratch_write("bin/systemctl", manager, 0755);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", scratch_path("bin"));
	(void)setenv("PATH", path, 1);
	dropin_directory = strdup(scratch_path("units"));
	dropin_program = strdup(scratch_path("vmgenctl"));
	mask_directory = strdup(scratch_path("control"));
	scratch_write("vmgenctl", "", 0755);
}

static int fenced_done(void)
{
	free((char *)mask_directory);
	free((char *)dropin_directory);
	free((char *)dropin_program);
	return tap_done();
}

#endif /* FENCED_H */
