/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl trigger beside a real vmgend: the request, the signal, the answer.
 */
#include "played.h"

#include "base/systemd.h"
#include "clock.h"
#include "ctl/ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/request.h"
#include "ctl/view/results.h"
#include "tap.h"

static bool booted = true;

/* Instead of what this system has. */
bool systemd_runs(void)
{
	return booted;
}

static struct ctl ctl = { .device = "/dev/none" };

/* Runs it, or this command line, with what it prints in "out". Returns its exit status. */
static int run_either(const struct request *trigger, const char *line)
{
	char words[64] = "", *argv[4] = { words, NULL }, *rest = words;
	int status, fd, argc = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		strcpy(words, line);
		while (argc < 3 && (argv[argc] = strsep(&rest, " ")))
			argc++;
		status = trigger ? (int)request_run(&ctl, trigger) :
			 !strcmp(words, "intent") ? (int)ctl_intent(&ctl, argc, argv) :
						    (int)ctl_trigger(&ctl, argc, argv);
		fflush(stdout);
		_exit(status);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int run_trigger(const struct request *trigger)
{
	return run_either(trigger, "");
}

static int run_line(const char *line)
{
	return run_either(NULL, line);
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
	const struct request all = { .deadline_ns = -1 };

	expect(run_trigger(&all), CTL_NOT_RUNNING, "systemctl start vmgend", name);
	booted = false;
	expect(run_trigger(&all), CTL_NOT_RUNNING, "start it with the init system of this machine", name);
	booted = true;
	ok(access(scratch_path("run/trigger"), F_OK), "%s: no request is left behind", name);
}

static void test_answers(void)
{
	const struct request all = { .deadline_ns = -1 };
	const struct request real = { .deadline_ns = -1, .real = true };
	const struct request good = { .deadline_ns = -1, .hook = "10-good" };
	const struct request json = { .deadline_ns = -1, .hook = "80-bad", .json = true };
	const struct request other = { .deadline_ns = -1, .hook = "80-other" };
	const struct request off = { .deadline_ns = -1, .hook = "70-off" };

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

static void test_failed(void)
{
	const struct request real = { .deadline_ns = -1, .real = true };

	unlink(scratch_path("ran"));
	expect(run_line("trigger --failed"), CTL_DEGRADED, "80-bad", "what failed, again");
	ok(!strstr(scratch_read("out"), "10-good") && !strcmp(scratch_read("ran"), "80:changed "),
	   "and nothing else");
	write_hook("80-bad", "printf 80:$1\\  >>ran");
	expect(run_line("trigger --failed"), CTL_OK, "succeeded", "when it was fixed");
	expect(run_line("trigger --failed"), CTL_OK, "no hook failed in the last run", "once more");
	expect(run_line("trigger --failed --real"), CTL_USAGE, "use one of them", "with --real");
	write_hook("80-bad", "printf 80:$1\\  >>ran; exit 3");
	expect(run_trigger(&real), CTL_DEGRADED, "80-bad", "it fails again");
	scratch_write("settings/80-bad.conf", "[hook]\nenabled=no\n", 0644);
	expect(run_line("trigger --failed"), CTL_FAILED, "80-bad failed, but did not run again: vmgenctl hooks why 80-bad",
	       "what failed and was disabled");
	unlink(scratch_path("settings/80-bad.conf"));
}

/* What each hook printed, and why others did not run. */
static void test_shown(void)
{
	const struct request all = { .deadline_ns = -1 }, real = { .deadline_ns = -1, .real = true };
	const struct request json = { .deadline_ns = -1, .json = true };
	const struct request off = { .deadline_ns = -1, .hook = "70-off" };
	const struct request evil = { .deadline_ns = -1, .hook = "30-evil" };

	write_hook("20-says", "echo first; echo second");
	write_hook("30-evil", "printf '\\033[31mred\\n'");
	scratch_write("hooks/40-windows", "#!/bin/sh\r\nexit 0\r\n", 0755);
	(void)!symlink("/dev/null", scratch_path("hooks/50-masked"));
	expect(run_trigger(&all), CTL_DEGRADED, "    | first\n    | second\n", "what a hook printed");
	ok(strstr(scratch_read("out"), "    | \\x1b[31mred\n"), "safe for a terminal");
	ok(strstr(scratch_read("out"), "did not run: it is disabled: enabled = yes in") &&
	   strstr(scratch_read("out"), "did not run: it is masked by"), "why others did not run");
	ok(strstr(scratch_read("out"), "40-windows                       unusable") &&
	   strstr(scratch_read("out"), "    -> ") && strstr(scratch_read("out"), "(CR LF)"), "and what cannot");
	expect(run_trigger(&off), CTL_FAILED, "70-off                           did not run: it is disabled", "one alone");
	ok(!strstr(scratch_read("out"), "50-masked"), "says nothing of others");
	expect(run_trigger(&evil), CTL_OK, "    | \\x1b[31mred\n", "that prints");
	expect(run_trigger(&json), CTL_DEGRADED, "\"output\":\"first\\nsecond\"", "as JSON");
	ok(strstr(scratch_read("out"), "\"not_run\":{"), "with what did not run");
	expect(run_trigger(&real), CTL_DEGRADED, "    | first\n", "in a real drill as well");
	ok(!strstr(scratch_read("run/status.json"), "first") && !strstr(scratch_read("state/history"), "first"),
	   "for root alone, and not for long");
	unlink(scratch_path("hooks/20-says"));
	unlink(scratch_path("hooks/30-evil"));
	unlink(scratch_path("hooks/40-windows"));
	unlink(scratch_path("hooks/50-masked"));
	expect(run_trigger(&real), CTL_DEGRADED, "80-bad", "without them");
}

static void test_now(void)
{
	const struct request real = { .deadline_ns = -1, .real = true };

	expect(run_line("intent clone --now"), CTL_FAILED, "no hook of the last run waited", "nothing to run");
	write_hook("60-id", "[ \"$VMGEN_INTENT\" = clone ] || exit 77; printf 60:$1\\  >>ran");
	expect(run_trigger(&real), CTL_DEGRADED, "60-id", "a hook that needs an intent");
	unlink(scratch_path("ran"));
	expect(run_line("intent clone --now"), CTL_OK, "60-id", "which is said afterwards");
	ok(!strcmp(scratch_read("ran"), "60:changed "), "it runs then");
	expect(run_line("intent clone --now"), CTL_FAILED, "used for the last change already", "twice");
	expect(run_line("intent restore --now"), CTL_USAGE, "--now is for intent clone alone", "a restore");
	unlink(scratch_path("hooks/60-id"));
}

/* Hooks that run when nobody expects that any more do harm. */
static void test_given_up(pid_t vmgend)
{
	const struct request good = { .deadline_ns = 0, .hook = "10-good" };

	(void)kill(vmgend, SIGSTOP);
	expect(run_trigger(&good), CTL_TIMEOUT, "the timeout is over", "a vmgend that does not get to it");
	ok(access(scratch_path("run/trigger"), F_OK), "does not find the request later");
	(void)kill(vmgend, SIGCONT);
}

static void test_time(pid_t vmgend)
{
	struct request hang = {
		.hook = "90-hang", .deadline_ns = boottime_ns() + 600 * INT64_C(1000000000),
	};
	const struct request good = { .deadline_ns = -1, .hook = "10-good" };
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(run_trigger(&hang));
	ok(scratch_comes("begun", "yes"), "a hook that hangs");
	*clock_ahead_sec += 1000;
	ok(waitpid(pid, &status, 0) == pid, "is not waited for");
	expect(WEXITSTATUS(status), CTL_TIMEOUT, "the timeout is over", "when the time is over");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(run_trigger(&good));
	ok(scratch_comes("out", "waiting for hooks") && !waitpid(pid, &status, WNOHANG), "the next one waits");
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
	ok(scratch_comes("begun", "yes"), "a third is under way");
	expect(run_trigger(&good), CTL_FAILED, "waits for a drill already", "a second one at a time");
	(void)end_vmgend(vmgend, SIGKILL);
	ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == CTL_NOT_RUNNING,
	   "a vmgend that dies is not waited for");
	scratch_write("go", "", 0600);
	ok(scratch_comes("ended", "end"), "its hook goes on to its end");
}

static void test_others(void)
{
	const struct request all = { .deadline_ns = -1 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ? -1 :
		      (int)request_run(&ctl, &all));
	ok(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == CTL_NO_RIGHTS, "only root may");
}

int main(void)
{
	char text[4 * PATH_MAX];
	pid_t vmgend;

	scratch_create();
	clock_create();
	(void)unsetenv("NOTIFY_SOCKET");
	played_create();
	ctl.runtime_dir = strdup(scratch_path("run"));
	ctl.config = strdup(scratch_path("conf"));
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("settings", 0755);
	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nhook-timeout=86400\nhook-path=%s\nhook-settings=%s\n",
		 scratch_path("hooks"), scratch_path("settings"));
	scratch_write("conf", text, 0644);
	write_hook("10-good", "printf 10:$1\\  >>ran");
	write_hook("70-off", "touch off");
	write_hook("80-bad", "printf 80:$1\\  >>ran; exit 3");
	scratch_write("settings/70-off.conf", "[hook]\nenabled=no\n", 0644);
	test_without_vmgend("before the first start");
	vmgend = start_vmgend();
	ok(scratch_comes("run/generation", "1\n"), "vmgend is there");
	test_answers();
	test_shown();
	test_failed();
	test_now();
	write_hook("90-hang", "echo yes >begun; until [ -e go ]; do sleep 0.05; done; echo end >ended");
	test_others();
	test_given_up(vmgend);
	test_time(vmgend);
	test_without_vmgend("after the end");
	ok(access(scratch_path("off"), F_OK), "a disabled hook never ran");
	return tap_done();
}
