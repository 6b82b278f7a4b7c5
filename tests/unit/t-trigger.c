/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl trigger beside a real vmgend: the request, the signal, the answer.
 * The device of both is a number that does not move.
 */
int vmgend_main(int argc, char **argv);
#define main vmgend_main
#include "main.c"
#undef main

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ctl/arguments.h"
#include "ctl/trigger.h"
#include "scratch.h"
#include "tap.h"

static struct ctl ctl = { .device = "/dev/none" };
static int device_fd;

int vmgen_open(const char *node, unsigned int flags, struct vmgen **ret_device)
{
	(void)node;
	(void)flags;
	*ret_device = (struct vmgen *)&device_fd;
	return 0;
}

struct vmgen *vmgen_close(struct vmgen *v)
{
	(void)v;
	return NULL;
}

int vmgen_fd(const struct vmgen *v)
{
	(void)v;
	return device_fd;
}

int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event)
{
	(void)v;
	*ret_event = (struct vmgen_event){ .generation = 7 };
	return 0;
}

int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event)
{
	(void)v;
	(void)ret_event;
	return -EAGAIN;
}

int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	(void)v;
	memset(ret_id, 'A', VMGEN_ID_SIZE);
	return 0;
}

int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	const struct vmgen_info info = { .device = VMGEN_VMGENID, .flags = VMGEN_INFO_ID_VALID };

	(void)v;
	memcpy(ret_info, &info, size);
	return 0;
}

/* Returns false if it does not come. */
static bool comes(const char *file, const char *text)
{
	int i;

	for (i = 0; i < 2000 && !strstr(scratch_read(file), text); i++)
		usleep(10000);
	return i < 2000;
}

static pid_t start_vmgend(void)
{
	char config_option[PATH_MAX + 16], state_option[PATH_MAX + 16], runtime_option[PATH_MAX + 16];
	char *argv[] = { (char *)"vmgend", config_option, state_option, runtime_option, NULL };
	pid_t pid;

	snprintf(config_option, sizeof(config_option), "--config=%s", scratch_path("conf"));
	snprintf(state_option, sizeof(state_option), "--state-dir=%s", scratch_path("state"));
	snprintf(runtime_option, sizeof(runtime_option), "--runtime-dir=%s", scratch_path("run"));
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_NAME, "vmgend");
		_exit(vmgend_main(4, argv));
	}
	ok(comes("run/generation", "7\n"), "vmgend is there");
	return pid;
}

static void end_vmgend(pid_t pid, int signal_number)
{
	(void)kill(pid, signal_number);
	(void)waitpid(pid, NULL, 0);
}

/* Runs it with what it prints in the file "out". Returns its exit status. */
static int run_trigger(const struct trigger *trigger)
{
	int status, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		status = trigger_run(&ctl, trigger);
		fflush(stdout);
		_exit(status);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void expect(int got, int want, const char *words, const char *name)
{
	equal(got, want, name);
	if (!ok(strstr(scratch_read("out"), words), "%s: said: %s", name, words))
		printf("# %s\n", scratch_read("out"));
}

static void write_hook(const char *name, const char *text)
{
	char path[NAME_MAX + 8], script[PATH_MAX + 256];

	snprintf(path, sizeof(path), "hooks/%s", name);
	snprintf(script, sizeof(script), "#!/bin/sh\ncd %s\n%s\n", scratch_directory, text);
	scratch_write(path, script, 0755);
}

static void test_without_vmgend(const char *name)
{
	const struct trigger all = { .deadline_ns = -1 };

	expect(run_trigger(&all), CTL_NOT_RUNNING, "systemctl start vmgend", name);
	ok(access(scratch_path("run/trigger"), F_OK), "%s: no request is left behind", name);
}

static void test_answers(void)
{
	const struct trigger all = { .deadline_ns = -1 };
	const struct trigger real = { .deadline_ns = -1, .real = true };
	const struct trigger good = { .deadline_ns = -1, .hook = "10-good" };
	const struct trigger json = { .deadline_ns = -1, .hook = "80-bad", .json = true };
	const struct trigger other = { .deadline_ns = -1, .hook = "80-other" };
	const struct trigger off = { .deadline_ns = -1, .hook = "70-off" };

	expect(run_trigger(&all), CTL_DEGRADED, "failed after", "a drill with a bad hook");
	ok(strstr(scratch_read("out"), "exit status 3") && strstr(scratch_read("out"), "10-good") &&
	   !strchr(scratch_read("out"), '\033'), "all hooks are listed, without colours");
	ok(!strcmp(scratch_read("ran"), "10:test 80:test "), "and were run");
	expect(run_trigger(&good), CTL_OK, "succeeded", "a good hook alone");
	expect(run_trigger(&json), CTL_DEGRADED, "\"outcome\":\"failed\"", "as JSON");
	ok(strstr(scratch_read("out"), "\"verdict\":8"), "with the verdict");
	expect(run_trigger(&other), CTL_FAILED, "there is no such hook", "a hook that is not there");
	expect(run_trigger(&off), CTL_FAILED, "hooks why 70-off", "one that is disabled");
	unlink(scratch_path("ran"));
	expect(run_trigger(&real), CTL_DEGRADED, "80-bad", "in earnest");
	ok(!strcmp(scratch_read("ran"), "10:changed 80:changed "), "hooks are told of a change");
}

static void test_time(pid_t vmgend)
{
	struct trigger hang = { .hook = "90-hang", .deadline_ns = boottime_ns() + 300000000 };
	const struct trigger good = { .deadline_ns = -1, .hook = "10-good" };
	int status = 0;
	pid_t pid;

	expect(run_trigger(&hang), CTL_TIMEOUT, "the time is over", "a hook that hangs");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(run_trigger(&good));
	ok(comes("out", "waiting for hooks") && !waitpid(pid, &status, WNOHANG), "the next one waits");
	scratch_write("go", "", 0600);
	ok(waitpid(pid, &status, 0) == pid && !status, "until that has ended");
	unlink(scratch_path("go"));
	unlink(scratch_path("ended"));
	fflush(stdout);
	pid = fork();
	hang.deadline_ns = -1;
	if (!pid)
		_exit(run_trigger(&hang));
	ok(comes("run/status.json", "\"phase\":\"running\""), "a third is under way");
	expect(run_trigger(&good), CTL_FAILED, "waits for a drill already", "a second one at a time");
	end_vmgend(vmgend, SIGKILL);
	ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == CTL_NOT_RUNNING,
	   "a vmgend that dies is not waited for");
	scratch_write("go", "", 0600);
	ok(comes("ended", "end"), "its hook goes on to its end");
}

static void test_others(void)
{
	const struct trigger all = { .deadline_ns = -1 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ? -1 :
		      (int)trigger_run(&ctl, &all));
	ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == CTL_NO_RIGHTS, "only root may");
}

int main(void)
{
	char text[4 * PATH_MAX];
	pid_t vmgend;

	scratch_create();
	(void)unsetenv("NOTIFY_SOCKET");
	device_fd = eventfd(0, EFD_NONBLOCK);
	ctl.runtime_dir = strdup(scratch_path("run"));
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("settings", 0755);
	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nhook-path=%s\nhook-settings=%s\n",
		 scratch_path("hooks"), scratch_path("settings"));
	scratch_write("conf", text, 0644);
	write_hook("10-good", "printf 10:$1\\  >>ran");
	write_hook("70-off", "touch off");
	write_hook("80-bad", "printf 80:$1\\  >>ran; exit 3");
	scratch_write("settings/70-off.conf", "[hook]\nenabled=no\n", 0644);
	test_without_vmgend("before the first start");
	vmgend = start_vmgend();
	test_answers();
	write_hook("90-hang", "until [ -e go ]; do sleep 0.05; done; echo end >ended");
	test_others();
	test_time(vmgend);
	test_without_vmgend("after the end");
	ok(access(scratch_path("off"), F_OK), "a disabled hook never ran");
	return tap_done();
}
