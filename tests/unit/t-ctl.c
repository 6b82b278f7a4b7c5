/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl makes of hooks, of status.json and of its command line, on a
 * device that this program plays.
 */
int vmgenctl_main(int argc, char **argv);
#define main vmgenctl_main
#include "ctl/main.c"
#undef main

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vmgen/vmgenid.h>

#include "ctl/colour.h"
#include "libvmgen.h"
#include "scratch.h"
#include "tap.h"

static int open_result;
static struct vmgen_event event = { .generation = 5, .source = VMGENID_SOURCE_SCI };
static struct vmgen_info info = {
	.device = VMGEN_VMGENID,
	.flags = VMGEN_INFO_ID_VALID | VMGEN_INFO_NOTIFIES | VMGEN_INFO_INTREE,
	.changes = 4, .spurious_notifies = 3, .hid = "QEMU\"VGID",
};

int vmgen_open(const char *node, unsigned int flags, struct vmgen **ret_device)
{
	(void)node;
	(void)flags;
	if (!open_result)
		*ret_device = (struct vmgen *)&info;
	return open_result;
}

struct vmgen *vmgen_close(struct vmgen *v)
{
	(void)v;
	return NULL;
}

int vmgen_fd(const struct vmgen *v)
{
	(void)v;
	return -1;
}

int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event)
{
	(void)v;
	*ret_event = event;
	return 0;
}

int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event)
{
	return vmgen_event(v, ret_event);
}

int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	(void)v;
	memcpy(ret_info, &info, size);
	return 0;
}

int vmgen_wait(struct vmgen *v, uint64_t known, int64_t timeout_ns, uint64_t *ret_generation)
{
	(void)v;
	(void)known;
	(void)timeout_ns;
	*ret_generation = event.generation;
	return 0;
}

/* Begins a command with what it prints in the file "out". */
static pid_t begin(const char *words)
{
	char text[PATH_MAX], runtime[PATH_MAX + 16], config[PATH_MAX + 16], state[PATH_MAX + 16];
	char *argv[16], *rest;
	int argc = 4, fd;
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
	argv[0] = (char *)"vmgenctl";
	argv[1] = runtime;
	argv[2] = config;
	argv[3] = state;
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

/* This program stands for vmgend: it lives. A name is all that is looked at. */
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

static void test_usage(void)
{
	char words[64];
	size_t i;

	expect("", CTL_USAGE, "Usage: vmgenctl");
	expect("nonsense", CTL_USAGE, "no command \"nonsense\"");
	expect("--help", CTL_OK, "The exit status tells");
	for (i = 0; i < N_COMMANDS; i++) {
		snprintf(words, sizeof(words), "%s --help", commands[i].name);
		expect(words, CTL_OK, "print this text and exit");
		snprintf(words, sizeof(words), "%s --nonsense", commands[i].name);
		expect(words, CTL_USAGE, "nonsense");
		snprintf(words, sizeof(words), "%s list 10-x nonsense", commands[i].name);
		expect(words, CTL_USAGE, "Usage: vmgenctl");
	}
	expect("hooks", CTL_USAGE, "Usage: vmgenctl hooks");
	expect("hooks why", CTL_USAGE, "wants the name of a hook");
	expect("hooks why ../x", CTL_USAGE, "wants the name of a hook");
	expect("hooks list --real", CTL_USAGE, "for hooks run");
	expect("trigger --timeout=x", CTL_USAGE, "\"x\" is not a number of seconds");
}

static void test_hooks(void)
{
	expect("hooks list", CTL_DEGRADED, "10-on");
	ok(says("10-on                            on ") && says("succeeded after 1500 ms"), "one that runs");
	ok(says("20-off                           disabled"), "one that is disabled");
	ok(says("30-masked                        masked"), "one that is masked");
	ok(says("40-open                          unusable") && says("chmod go-w"), "one that others may write");
	ok(says("50-settings                      bad-settings") && says("timeuot"), "one with bad settings");
	ok(says("is skipped: a hook is named by"), "what is left out");
	expect("hooks list --json", CTL_DEGRADED, "\"state\":\"bad-settings\"");
	ok(says("\"left_out\":[") && says("\"timeout\":90"), "as JSON");
	expect("hooks why 10-on", CTL_OK, "it runs");
	ok(says("events:    changed boot-changed unknown test"), "with its events");
	ok(says("the default ones"), "and settings");
	expect("hooks why 20-off", CTL_OK, "enabled=no");
	ok(says("               enabled=no\n"), "its settings are shown");
	expect("hooks why 30-masked", CTL_OK, "masks it");
	ok(says("file:      ") && says("first/30-masked") && says("hidden:    ") && says("second/30-masked"),
	   "the one that wins and the one that is hidden");
	expect("hooks why 30-masked --json", CTL_OK, "\"hidden\":[");
	expect("hooks why 40-open", CTL_DEGRADED, "chmod go-w");
	expect("hooks why 50-settings", CTL_DEGRADED, "unknown key \"timeuot\"");
	expect("hooks why 60-none", CTL_FAILED, "there is no hook \"60-none\"");
}

static void test_check(void)
{
	expect("check", CTL_DEGRADED, "problem  hooks     40-open:");
	ok(says("ok       device    QEMU\"VGID, generation 5"), "the device");
	ok(says("ok       notify") && says("ok       driver") && says("ok       vmgend"), "and what is well");
	ok(says("\n                   -> "), "remedies");
	ok(!says("\033"), "no colours in a file");
	ok(says("hooks that run: 1; disabled: 1; masked: 1"), "hooks are counted");
	ok(says("programs with generators"), "programs that no hook restarts");
	expect("check --json", CTL_DEGRADED, "\"name\":\"hooks\",\n      \"state\":\"problem\"");
	unlink(scratch_path("first/40-open"));
	unlink(scratch_path("settings/50-settings.conf"));
	expect("check", CTL_OK, "This machine is protected.");
	expect("hooks list", CTL_OK, "50-settings");
	scratch_write("first/80-app", "#!/bin/sh\n", 0755);
	expect("check", CTL_OK, "hooks that run: 3");
	ok(!says("programs with generators"), "a hook restarts programs");
}

static void test_check_vmgend(void)
{
	write_status(LAST(BAD));
	expect("check", CTL_DEGRADED, "problem  last-run  at the last change (changed) hook 80-bad: failed");
	expect("status", CTL_DEGRADED, "80-bad: failed");
	ok(says("then vmgenctl trigger --failed\n"), "with the remedy");
	write_status(HANDLED ",\"lost\":[\"no ID\",\"no page\"]");
	expect("check", CTL_OK, "warning  source    no page");
	write_status(",\"handled\":false,\"recorded\":true");
	expect("check", CTL_NOT_HANDLED, "not handled yet");
	write_status(",\"handled\":true,\"recorded\":false,\"record_errno\":28");
	expect("check", CTL_DEGRADED, "cannot record what it did, so it is done again after a restart: No space left on device (df -h");
	expect("status", CTL_DEGRADED, "recorded:    no: No space left on device (df -h");
	ok(says("then vmgenctl trigger --real\n"), "with the remedy, for what failed is not all");
	write_status(",\"handled\":true,\"recorded\":false");
	expect("check", CTL_DEGRADED, "cannot record what it did, so it is done again after a restart: journalctl");
	(void)mkdir(scratch_path("state"), 0700);
	scratch_write("state/history", "{}\n", 0600);
	expect("check", CTL_DEGRADED, "problem  history ");
	ok(says("state/history cannot be used, so no run is added to it: it is damaged") && says("-> mv "), "with the way out");
	unlink(scratch_path("state/history"));
}

static bool has_uid(const char *path)
{
	char text[4096] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		scratch_give_up(path);
	close(fd);
	return strstr(text, "Name:\tvmgend\n") && strstr(text, "\nUid:\t65534\t");
}

/* Its process ID is another's by now, who can have any name. */
static void test_impostor(void)
{
	char text[256];
	pid_t pid = fork();

	if (!pid) {
		if (setresuid(65534, 65534, 65534) || prctl(PR_SET_NAME, "vmgend"))
			_exit(1);
		pause();
		_exit(1);
	}
	snprintf(text, sizeof(text), "/proc/%d/status", (int)pid);
	while (!has_uid(text))
		usleep(1000);
	snprintf(text, sizeof(text), "{\"pid\":%d,\"activity\":\"watching\",\"generation\":5" HANDLED "}",
		 (int)pid);
	scratch_write("status.json", text, 0644);
	expect("check", CTL_NOT_RUNNING, "vmgend is not running");
	write_status(",\"handled\":true,\"recorded\":false");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
}

static void test_seed(void)
{
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"hooks\":{},"
		     "\"seed_errno\":22}");
	expect("status", CTL_DEGRADED, "the seed file of the next boot was not renewed");
	expect("check", CTL_DEGRADED, "problem  seed      at the last change (changed) the seed file was not renewed");
}

/* What was said and not used is no state of things that is well. */
static void test_unused_intent(void)
{
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":5,\"reseed_errno\":0,\"hooks\":{},"
		     "\"intent_unused\":\"the intent is kept: No space left on device\"}");
	expect("status", CTL_DEGRADED, "what the administrator said was not used: put that right");
	ok(says("the intent is kept: No space left on device\n"), "and why");
	expect("status --json", CTL_DEGRADED, "\"intent_unused\":\"the intent is kept");
	expect("check", CTL_DEGRADED, "problem  intent    the intent is kept: No space left on device");
	ok(says("-> put that right, say it again if vmgenctl intent show says none, then: vmgenctl trigger --real"),
	   "with the remedy");
}

static void test_check_device(void)
{
	info.flags &= ~(VMGEN_INFO_NOTIFIES | VMGEN_INFO_INTREE);
	expect("check", CTL_DEGRADED, "warning  notify    this host does not notify");
	info.flags &= ~VMGEN_INFO_ID_VALID;
	expect("check", CTL_NO_ID, "give the device of this VM a GUID");
	info.flags |= VMGEN_INFO_ID_VALID | VMGEN_INFO_NOTIFIES;
	event.flags = VMGEN_RNG_STALE;
	write_status(HANDLED);
	expect("check", CTL_DEGRADED, "problem  random");
	event.flags = 0;
	open_result = -EACCES;
	expect("check", CTL_NO_RIGHTS, "This machine is NOT protected.");
	write_status(HANDLED ",\"source\":\"kmsg\",\"lost\":[\"no ID\"]");
	expect("status", CTL_DEGRADED, "vmgend has to do without the kernel module");
	expect("check", CTL_DEGRADED, "warning  source    no ID");
	expect("wait --settled", CTL_OK, "5\n");
	expect("wait --settled --timeout=0 5", CTL_TIMEOUT, "");
	expect("wait --timeout=0.2", CTL_TIMEOUT, "");
	expect("wait 4", CTL_OK, "5\n");
	write_status(",\"handled\":false,\"recorded\":true,\"source\":\"kmsg\"");
	expect("wait --settled --timeout=0.2", CTL_TIMEOUT, "");
	write_status(HANDLED);
	expect("wait --settled", CTL_NO_RIGHTS, "cannot use /dev/vmgenid");
	open_result = 0;
	scratch_write("conf", "[vmgend]\nhook-pth=/x\n", 0644);
	expect("check", CTL_DEGRADED, "unknown key \"hook-pth\"");
	expect("hooks list", CTL_FAILED, "conf:2: unknown key");
}

/* Returns a sample that does not follow the help and the type of its metric, or NULL. */
static const char *undeclared(void)
{
	static char text[1 << 16];
	char *line, *rest = text, help[64] = "", type[64] = "", *name;

	snprintf(text, sizeof(text), "%s", scratch_read("out"));
	while ((line = strsep(&rest, "\n")) && *line) {
		if (sscanf(line, "# HELP %63[a-z_]", help) == 1 ||
		    sscanf(line, "# TYPE %63[a-z_]", type) == 1)
			continue;
		name = strndup(line, strcspn(line, "{ "));
		if (strcmp(name, help) || strcmp(name, type))
			return line;
		free(name);
	}
	return line && *line ? line : NULL;
}

static void test_metrics(void)
{
	char words[PATH_MAX];

	write_status(LAST(BAD));
	expect("metrics", CTL_OK, "vmgen_protected 1\n");
	ok(says("vmgen_verdict 8\n") && says("vmgen_generation 5\n") && says("vmgen_changes_total 4\n"), "numbers");
	ok(says("vmgend_build_info{version=\"1.2~x\"} 1\n"), "the version of vmgend");
	ok(!undeclared(), "all have help and type");
	ok(says("vmgen_device{state=\"ready\",hid=\"QEMU\\\"VGID\"} 1\n"), "no label is broken");
	ok(says("vmgen_last_run_seconds 2.5\n") && says("vmgen_last_run_failures 1\n") &&
	   says("vmgen_last_run_hook_success{hook=\"80-bad\",outcome=\"failed\"} 0\n") &&
	   says("vmgen_last_run_hook_success{hook=\"10-on\",outcome=\"succeeded\"} 1\n") &&
	   says("vmgen_last_run_hook_seconds{hook=\"10-on\"} 1.500\n"), "the last run");
	snprintf(words, sizeof(words), "metrics --output=%s", scratch_path("vmgen.prom"));
	expect(words, CTL_OK, "");
	ok(strstr(scratch_read("vmgen.prom"), "vmgen_protected 1\n"), "in a file");
	snprintf(words, sizeof(words), "metrics --output=%s", scratch_path("none/vmgen.prom"));
	expect(words, CTL_FAILED, "No such file or directory");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"detected_usec\":1000000,\"finished_usec\":2592001000000,"
		     "\"detected_corrected_usec\":2592000000000}");
	expect("metrics", CTL_OK, "_timestamp_seconds{event=\"changed\"} 2592000.000\n");
	ok(!says("last_run_seconds"), "a duration that is not known is missing");
	unlink(scratch_path("status.json"));
	expect("metrics", CTL_OK, "vmgen_protected 0\n");
	ok(!says("build_info"), "of a vmgend that does not run nothing is known");
}

/* Has what is printed on a terminal a colour in it? */
static bool is_coloured(const char *name, const char *value)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), fd, saved = dup(STDOUT_FILENO);
	char text[256] = "";

	fflush(stdout);
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		scratch_give_up("terminal");
	fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	(void)setenv(name, value, 1);
	dup2(fd, STDOUT_FILENO);
	colour_print(COLOUR_RED, "word", 0);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(fd);
	(void)!read(terminal, text, sizeof(text) - 1);
	close(saved);
	close(terminal);
	(void)unsetenv(name);
	if (!strstr(text, "word"))
		scratch_give_up("word");
	return strchr(text, '\033');
}

static void test_colours(void)
{
	(void)setenv("TERM", "xterm", 1);
	(void)unsetenv("NO_COLOR");
	ok(is_coloured("UNUSED", "1"), "colours on a terminal");
	ok(is_coloured("NO_COLOR", ""), "an empty NO_COLOR says nothing");
	ok(!is_coloured("NO_COLOR", "1"), "no colours with NO_COLOR");
	ok(!is_coloured("TERM", "dumb"), "nor on a terminal that has none");
}

/* Each text comes within 20 seconds. */
static bool comes(const char *text)
{
	int i;

	for (i = 0; i < 2000 && !says(text); i++)
		usleep(10000);
	return i < 2000;
}

static void test_watch(void)
{
	pid_t pid;
	int fd;

	write_status(LAST(""));
	pid = begin("watch");
	ok(comes("generation 5\n") && comes("vmgend running\n"), "watch: what is");
	ok(!says("handled"), "nothing that was before");
	fd = open(scratch_directory, O_RDONLY | O_DIRECTORY);
	(void)renameat(fd, "status.json", fd, "old");
	ok(comes("vmgend stopped\n"), "vmgend is gone");
	write_status(HANDLED ",\"run\":{\"event\":\"changed\",\"generation\":6,\"detected_usec\":9},"
		     "\"drill\":{\"id\":\"x\",\"phase\":\"running\"}");
	ok(comes("vmgend: generation 6, changed: started; hooks: 0\n") && comes("drill running\n"), "hooks are run");
	write_status(HANDLED ",\"last\":{\"event\":\"changed\",\"generation\":6,\"finished_usec\":99,"
		     "\"hooks\":{\"10-on\":{}}}");
	ok(comes("vmgend: generation 6, changed: handled; hooks: 1\n"), "and were");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
	pid = begin("watch --json");
	ok(comes("\"noticed_by\":\"sci\"") && comes("\"type\":\"vmgend\""), "as JSON, a line each");
	(void)kill(pid, SIGKILL);
	(void)end(pid);
	close(fd);
}

int main(void)
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
	scratch_write("first/README", "", 0644);
	(void)prctl(PR_SET_NAME, "vmgend");
	write_status(LAST(""));
	test_usage();
	test_hooks();
	test_check();
	test_check_vmgend();
	test_impostor();
	test_unused_intent();
	test_seed();
	write_status(",\"handled\":true,\"recorded\":false");
	test_check_device();
	test_metrics();
	test_colours();
	test_watch();
	return tap_done();
}
