/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl trigger beside a real vmgend: the request, the signal, the answer.
 */
#include "played.h"

#include "ctl/arguments.h"
#include "ctl/trigger.h"
#include "tap.h"

static struct ctl ctl = { .device = "/dev/none" };

/* Returns false if it does not come. */
static bool comes(const char *file, const char *text)
{
	int i;

	for (i = 0; i < 2000 && !strstr(scratch_read(file), text); i++)
		usleep(10000);
	return i < 2000;
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
	unlink(scratch_path("begun"));
	fflush(stdout);
	pid = fork();
	hang.deadline_ns = -1;
	if (!pid)
		_exit(run_trigger(&hang));
	ok(comes("begun", "yes"), "a third is under way");
	expect(run_trigger(&good), CTL_FAILED, "waits for a drill already", "a second one at a time");
	(void)end_vmgend(vmgend, SIGKILL);
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
	played_create();
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
	ok(comes("run/generation", "1\n"), "vmgend is there");
	test_answers();
	write_hook("90-hang", "echo yes >begun; until [ -e go ]; do sleep 0.05; done; echo end >ended");
	test_others();
	test_time(vmgend);
	test_without_vmgend("after the end");
	ok(access(scratch_path("off"), F_OK), "a disabled hook never ran");
	return tap_done();
}
