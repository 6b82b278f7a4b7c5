/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl on a device that this program plays, beside a vmgend for which it stands
 * itself, with hooks of every kind in its scratch directory.
 */
#ifndef ASKED_H
#define ASKED_H

int vmgenctl_main(int argc, char **argv);
#define main vmgenctl_main
#include "ctl/main.c"
#undef main

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "scratch.h"
#include "shown.h"
#include "tap.h"

/* Begins a command with what it prints in the file "out". */
static pid_t begin(const char *words)
{
	char text[PATH_MAX], runtime[PATH_MAX + 16], config[PATH_MAX + 16], state[PATH_MAX + 16];
	char inventory[PATH_MAX + 16], *argv[16], *rest;
	int argc = 5, fd;
	pid_t pid;

	fflush(stdout);
	unlink(scratch_path("out"));
	pid = fork();
	if (pid)
		return pid;
	snprintf(text, sizeof(text), "%s", words);
	snprintf(runtime, sizeof(runtime), "--runtime-dir=%s", scratch_directory);
	snprintf(config, sizeof(config), "--config=%s", scratch_path("conf"));
	snprintf(state, sizeof(state), "--state-dir=%s", scratch_path("state"));
	snprintf(inventory, sizeof(inventory), "--inventory=%s", scratch_path("inventory"));
	argv[0] = (char *)"vmgenctl";
	argv[1] = runtime;
	argv[2] = config;
	argv[3] = state;
	argv[4] = inventory;
	for (argv[argc] = strtok_r(text, " ", &rest); argv[argc]; argv[argc] = strtok_r(NULL, " ", &rest))
		argc++;
	fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	fd = vmgenctl_main(argc, argv);
	fflush(stdout);
	_exit(fd);
}

static int end(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *text)
{
	return strstr(scratch_read("out"), text);
}

static void expect(const char *words, int want, const char *text)
{
	int got = end(begin(words));

	if (!ok(got == want && says(text), "%s: %d, %s", words, want, text))
		printf("# %d %s\n", got, scratch_read("out"));
}

/* This program stands for vmgend: it lives. Its name and user are all that is looked at. */
static void write_status(const char *members)
{
	char text[8192];

	snprintf(text, sizeof(text), "{\"version\":1,\"release\":\"1.2~x\",\"pid\":%d,\"activity\":\"watching\",\"generation\":5%s}\n",
		 (int)getpid(), members);
	scratch_write("status.json", text, 0644);
}

#define HANDLED	",\"handled\":true,\"recorded\":true"
#define LAST(more) HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"detected_usec\":1000000," \
	"\"finished_usec\":3500000,\"duration_usec\":2500000,\"reseed_errno\":0,\"incomplete\":false,\"hooks\":{" \
	"\"10-on\":{\"outcome\":\"succeeded\",\"status\":0,\"duration_ms\":1500}" more "}}"
#define BAD	",\"80-bad\":{\"outcome\":\"failed\",\"status\":3,\"duration_ms\":7}"

static void asked_create(void)
{
	char text[4 * PATH_MAX];

	scratch_create();
	scratch_mkdir("first", 0755);
	scratch_mkdir("second", 0755);
	scratch_mkdir("settings", 0755);
	snprintf(text, sizeof(text), "[vmgend]\nhook-path=%s:%s\nhook-settings=%s\n",
		 scratch_path("first"), scratch_path("second"), scratch_path("settings"));
	scratch_write("conf", text, 0644);
	scratch_write("second/10-on", "#!/bin/sh\n", 0755);
	scratch_write("second/20-off", "#!/bin/sh\n", 0755);
	scratch_write("settings/20-off.conf", "[hook]\nenabled=no\n", 0644);
	scratch_write("second/30-masked", "#!/bin/sh\n", 0755);
	(void)!symlink("/dev/null", scratch_path("first/30-masked"));
	scratch_write("first/40-open", "#!/bin/sh\n", 0777);
	scratch_write("first/50-settings", "#!/bin/sh\n", 0755);
	scratch_write("settings/50-settings.conf", "[hook]\ntimeuot=5\n", 0644);
	scratch_write("first/notes", "", 0644);
	(void)prctl(PR_SET_NAME, "vmgend");
	write_status(LAST(""));
}

#endif /* ASKED_H */
