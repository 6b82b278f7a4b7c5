/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl was told or prints gets where it belongs, or it says so, also where
 * file systems are full.
 */
int vmgenctl_main(int argc, char **argv);
#define main vmgenctl_main
#include "ctl/main.c"
#undef main

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "scratch.h"
#include "tap.h"

/* Standard output is a file on a full disk. */
static bool output_full;

static int run(const char *words)
{
	char text[256], config[PATH_MAX + 16], state[PATH_MAX + 16], *rest;
	char *argv[8] = { (char *)"vmgenctl", config, state };
	int argc = 3, status, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	snprintf(text, sizeof(text), "%s", words);
	snprintf(config, sizeof(config), "--config=%s", scratch_path("conf"));
	snprintf(state, sizeof(state), "--state-dir=%s", scratch_path("state"));
	for (argv[argc] = strtok_r(text, " ", &rest); argv[argc]; argv[argc] = strtok_r(NULL, " ", &rest))
		argc++;
	fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	if (output_full)
		fd = open("/dev/full", O_WRONLY);
	dup2(fd, STDOUT_FILENO);
	status = vmgenctl_main(argc, argv);
	fflush(stdout);
	_exit(status);
}

static void expect(const char *words, int want, const char *text)
{
	int got = run(words);

	if (!ok(got == want && strstr(scratch_read("out"), text), "%s: %d, %s", words, want, text))
		printf("# %d %s\n", got, scratch_read("out"));
}

static void test_intent(void)
{
	expect("intent clone", CTL_FAILED, "the intent was not recorded: vmgend has no usable record (there is none), and drops");
	ok(access(scratch_path("state/intent"), F_OK), "intent: what would be dropped is not kept");
	expect("intent show", CTL_OK, "none\n");
	scratch_write("state/intent", "clone\n", 0600);
	expect("intent show", CTL_FAILED, "drops this intent when it makes one at its next start");
	scratch_write("state/state.json", "{\"version\": 2}\n", 0600);
	expect("intent restore", CTL_FAILED, "(its version is not known to this vmgend)");
	scratch_write("state/state.json", "{\"version\": 1}\n", 0600);
	expect("intent restore", CTL_OK, "");
	expect("intent show", CTL_OK, "restore\n");
	expect("intent clear", CTL_OK, "");
	expect("intent show", CTL_OK, "none\n");
}

/* On file systems that are full or read-only. */
static void test_full(void)
{
	char state[PATH_MAX];
	int fd;

	snprintf(state, sizeof(state), "%s", scratch_path("state"));
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", state, "tmpfs", 0, "size=16k,mode=0700"))
		scratch_give_up("mount");
	scratch_write("state/state.json", "{\"version\": 1}\n", 0600);
	fd = open(scratch_path("state/fill"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, "", 1) == 1)
		;
	close(fd);
	expect("intent clone", CTL_FAILED, "/state: No space left on device (df -h and df -i show where");
	expect("intent show", CTL_OK, "none\n");
	unlink(scratch_path("state/fill"));
	expect("intent clone", CTL_OK, "");
	if (mount(NULL, state, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		scratch_give_up("remount");
	expect("intent restore", CTL_FAILED, "/state: Read-only file system (dmesg shows");
	expect("intent clear", CTL_FAILED, "Read-only file system");
	expect("intent show", CTL_OK, "clone\n");
	if (umount(state))
		scratch_give_up("umount");
	output_full = true;
	expect("hooks why 10-none", CTL_FAILED, "there is no hook");
	expect("hooks list --json", CTL_FAILED, "cannot write the output: No space left on device");
	expect("intent show", CTL_FAILED, "cannot write the output: No space left on device");
	output_full = false;
}

/* What goes into an image must not go unnoticed. */
static void test_forget(void)
{
	char good[PATH_MAX * 4], bad[sizeof(good) + 16];

	/* Behind the name of the intent's file, for there must be no other one. */
	snprintf(good, sizeof(good), "%s", scratch_read("conf"));
	snprintf(bad, sizeof(bad), "%sjitter=x\n", good);
	scratch_write("conf", bad, 0600);
	scratch_write("state/state.json", "{\"version\": 1}\n", 0600);
	scratch_write("intent", "clone\n", 0600);
	expect("forget", CTL_FAILED, "conf:5: bad value \"x\" of \"jitter\"");
	ok(access(scratch_path("state/state.json"), F_OK), "forget: the record is cleared all the same");
	scratch_write("conf", good, 0600);
	expect("forget", CTL_OK, "");
	ok(access(scratch_path("intent"), F_OK), "forget: so is what a tool has said");
}

int main(void)
{
	char text[4 * PATH_MAX];

	scratch_create();
	scratch_mkdir("state", 0700);
	snprintf(text, sizeof(text), "[vmgend]\nhook-path=%s\nhook-settings=%s\nintent-file=%s\n",
		 scratch_path("hooks"), scratch_path("settings"), scratch_path("intent"));
	scratch_write("conf", text, 0600);
	test_intent();
	test_full();
	test_forget();
	return tap_done();
}
