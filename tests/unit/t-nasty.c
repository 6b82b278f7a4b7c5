/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Text as nobody should write it, from a grammar, through all of vmgend and vmgenctl: what hooks
 * print, what files in hooks.d are called, and what processes call themselves. Wherever it
 * comes out it is read by the C library and json-c, and by nothing of ours.
 */
#include "../fuzz/demand.h"
#include "../fuzz/nasty.h"
#include "ctl/check/roll.h"
#include "ctl/ctl.h"
#include "ctl/view/request.h"
#include "played.h"
#include "tap.h"

enum { HOOKS = 12, NAMES = 60, PROCESSES = 300 };

static uint32_t seed = 2463534242;

static struct ctl ctl = { .device = "/dev/none" };

/* A command line, or a drill of all hooks: what it prints is in "out". */
static int run_command(enum ctl_exit (*command)(const struct ctl *, int, char **), const char *line, bool json)
{
	const struct request request = { .deadline_ns = -1, .json = json, .real = !line };
	char words[64], *argv[4] = { NULL }, *rest = words;
	int status, fd, argc = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		snprintf(words, sizeof(words), "%s", line ?: "");
		while (argc < 3 && (argv[argc] = strsep(&rest, " ")))
			argc++;
		status = command ? (int)command(&ctl, argc, argv) : (int)request_run(&ctl, &request);
		fflush(stdout);
		_exit(status);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_shown(const char *file)
{
	const char *text = scratch_read(file);

	return *text && can_be_shown(text, strlen(text), "\n");
}

/* One document or several. Of what is told of files that are no hooks there may be lines before them. */
static bool are_documents(const char *file)
{
	struct json_tokener *tokener = json_tokener_new();
	const char *text = scratch_read(file);
	bool good;

	text = *text == '{' ? text : strstr(text, "\n{") ?: "";
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
			       JSON_TOKENER_ALLOW_TRAILING_CHARS);
	for (good = *text; good && *text; text += strspn(text, "\n")) {
		json_tokener_reset(tokener);
		json_object_put(json_tokener_parse_ex(tokener, text, strlen(text)));
		good = json_tokener_get_error(tokener) == json_tokener_success;
		text += json_tokener_get_parse_end(tokener);
	}
	json_tokener_free(tokener);
	return good;
}

static void expect(const char *file, bool json, const char *name)
{
	if (!ok(is_shown(file) && (!json || are_documents(file)), "%s", name))
		printf("# it has %zu bytes\n", strlen(scratch_read(file)));
}

static void write_bytes(const char *path, const char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd))
		scratch_give_up(path);
}

/* Every third fails, so that its output is recorded as well. */
static void write_hooks(void)
{
	char name[32], text[4096], script[PATH_MAX + 128];
	int i;

	for (i = 0; i < HOOKS; i++) {
		snprintf(name, sizeof(name), "printed-%d", i);
		write_bytes(scratch_path("%s", name), text, nasty_text(&seed, 20 + 20 * i, text, sizeof(text)));
		snprintf(script, sizeof(script), "#!/bin/sh\ncat '%s'\nexit %d\n", scratch_path("%s", name),
			 i % 3 ? 0 : 1);
		snprintf(name, sizeof(name), "hooks/%d-prints", 50 + i);
		scratch_write(name, script, 0755);
	}
}

/* What can be the name of a file. Returns how many there are. */
static int write_names(void)
{
	char name[64] = "";
	int i, made = 0;
	size_t n;

	for (i = 0; i < NAMES; i++) {
		n = nasty_text(&seed, 1 + i % 4, name, sizeof(name) - 1);
		name[n] = '\0';
		if (strlen(name) != n || !n || *name == '.' || strchr(name, '/'))
			continue;
		write_bytes(scratch_path("hooks/%s", name), "", 0);
		made++;
	}
	return made;
}

static void test_commands(void)
{
	run_command(ctl_hooks, "hooks list", false);
	expect("out", false, "hooks list prints text");
	ok(strstr(scratch_read("out"), "\\x1b[") && strstr(scratch_read("out"), "\\u202e"),
	   "with visible forms of names");
	run_command(ctl_hooks, "hooks list --json", false);
	expect("out", true, "hooks list --json prints JSON");
	run_command(ctl_check, "check", false);
	expect("out", false, "check prints text");
	run_command(ctl_check, "check --json", false);
	expect("out", true, "check --json prints JSON");
	run_command(ctl_status, "status", false);
	expect("out", false, "status prints text");
	run_command(ctl_status, "status --json", false);
	expect("out", true, "status --json prints JSON");
	run_command(ctl_metrics, "metrics", false);
	expect("out", false, "metrics prints text");
	run_command(ctl_history, "history --json", false);
	expect("out", true, "history --json prints JSON");
}

static void test_drills(void)
{
	equal(run_command(NULL, "", false), CTL_DEGRADED, "a drill of hooks that print such text");
	expect("out", false, "vmgenctl prints it as text");
	equal(run_command(NULL, "", true), CTL_DEGRADED, "another");
	expect("out", true, "and as JSON");
	expect("run/outputs.json", true, "vmgend tells it in outputs.json");
	equal(run_command(NULL, NULL, false), CTL_DEGRADED, "a real one");
	expect("run/status.json", true, "status.json is JSON");
	expect("state/state.json", true, "so is the record");
	expect("state/history", true, "so is the history");
	expect("log", false, "the log is text");
	ok(strstr(scratch_read("log"), "\\x1b[") && strstr(scratch_read("state/state.json"), "\\\\x"),
	   "with visible forms");
}

/* The kernel takes any name, of which it cuts what is beyond 15 bytes. */
static void test_processes(void)
{
	static struct census census;
	int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC), i, bad = 0, escaped = 0;
	char name[64] = "", names[CENSUS_NAMES_SIZE];
	size_t n;

	for (i = 0; i < PROCESSES; i++) {
		n = nasty_text(&seed, 1 + i % 5, name, sizeof(name) - 1);
		name[n] = '\0';
		if (prctl(PR_SET_NAME, name))
			scratch_give_up("name");
		census = (struct census){ .n_units = 0 };
		roll_count(&census, 1U << CENSUS_UNKNOWN, "", 1, proc_fd);
		roll_count(&census, 1U << CENSUS_UNKNOWN, "", 1, proc_fd);
		(void)roll_names(&census, CENSUS_UNKNOWN, true, names);
		bad += !is_line(names) || !strstr(names, " (1), ");
		escaped += strchr(names, '\\') != NULL;
	}
	equal(bad, 0, "names of processes are told in one line");
	ok(escaped > PROCESSES / 4, "with visible forms");
	close(proc_fd);
}

/* Its log is in a file. */
static pid_t begin(void)
{
	int own = dup(STDERR_FILENO), fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid;

	dup2(fd, STDERR_FILENO);
	pid = start_vmgend();
	dup2(own, STDERR_FILENO);
	close(own);
	close(fd);
	return pid;
}

int main(void)
{
	char text[4 * PATH_MAX];
	pid_t vmgend;

	scratch_create();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("JOURNAL_STREAM");
	played_create();
	ctl.runtime_dir = strdup(scratch_path("run"));
	ctl.state_dir = strdup(scratch_path("state"));
	ctl.config = strdup(scratch_path("conf"));
	ctl.inventory = strdup(scratch_path("none"));
	scratch_mkdir("hooks", 0755);
	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nhook-path=%s\nhook-settings=%s\n", scratch_path("hooks"),
		 scratch_path("settings"));
	scratch_write("conf", text, 0644);
	write_hooks();
	ok(write_names() > NAMES / 2, "files that are named so");
	vmgend = begin();
	ok(scratch_comes("run/generation", "1\n"), "vmgend is there");
	test_drills();
	test_commands();
	equal(end_vmgend(vmgend, SIGTERM), 0, "vmgend ends");
	test_processes();
	return tap_done();
}
