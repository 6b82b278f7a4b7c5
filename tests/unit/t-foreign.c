/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Text and processes of others, in what vmgenctl prints: no byte of theirs reaches a
 * terminal as it is, JSON stays JSON, and no file of theirs stops a command.
 */
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "scratch.h"
#include "tap.h"

#define EVIL	"\033[31m\xff\xc2\x9b\xe2\x80\xae"

typedef enum ctl_exit (*command_fn)(const struct ctl *ctl, int argc, char **argv);

static const struct {
	const char *words;
	command_fn command;
	bool json;
} commands[] = {
	{ "status", ctl_status, false },
	{ "status --json", ctl_status, true },
	{ "check", ctl_check, false },
	{ "check --json", ctl_check, true },
	{ "hooks list", ctl_hooks, false },
	{ "hooks list --json", ctl_hooks, true },
	{ "hooks why 10-settings", ctl_hooks, false },
	{ "hooks why 10-settings --json", ctl_hooks, true },
	{ "hooks why 20-link", ctl_hooks, false },
	{ "hooks why 20-link --json", ctl_hooks, true },
	{ "hooks why " EVIL, ctl_hooks, false },
	{ "metrics", ctl_metrics, false },
	{ "history", ctl_history, false },
	{ "history --json", ctl_history, false },
	{ "fence check " EVIL, ctl_fence, false },
	{ "fence check evil.service", ctl_fence, false },
	{ "intent " EVIL, ctl_intent, false },
	{ "identity list", ctl_identity, false },
	{ "identity list --json", ctl_identity, true },
	{ "identity " EVIL, ctl_identity, false },
	{ "image show", ctl_image, false },
	{ "image " EVIL, ctl_image, false },
	{ "wait " EVIL, ctl_wait, false },
};

/* Returns the exit status of the command, or -1 if it did not end by itself. */
static int run(const char *words, command_fn command)
{
	char text[256], runtime[PATH_MAX], config[PATH_MAX], state[PATH_MAX], inventory[PATH_MAX], *argv[8], *rest;
	const struct ctl ctl = {
		.device = "/nonexistent/" EVIL, .runtime_dir = runtime, .config = config,
		.state_dir = state, .inventory = inventory,
	};
	int argc = 0, status, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		snprintf(text, sizeof(text), "%s", words);
		strcpy(runtime, scratch_path("run"));
		strcpy(config, scratch_path("conf"));
		strcpy(state, scratch_path("state"));
		strcpy(inventory, scratch_path("inventory"));
		for (argv[0] = strtok_r(text, " ", &rest); argv[argc]; argv[argc] = strtok_r(NULL, " ", &rest))
			argc++;
		fd = open(scratch_path("out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		fd = command(&ctl, argc, argv);
		fflush(stdout);
		_exit(fd);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One document or several. */
static bool is_strict_json(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *json = NULL;
	bool good = *text;

	while (good && *text) {
		json_tokener_reset(tokener);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
				       JSON_TOKENER_ALLOW_TRAILING_CHARS);
		json = json_tokener_parse_ex(tokener, text, strlen(text));
		good = json_tokener_get_error(tokener) == json_tokener_success;
		text += json_tokener_get_parse_end(tokener);
		text += strspn(text, "\n");
		json_object_put(json);
	}
	json_tokener_free(tokener);
	return good;
}

static void test_commands(void)
{
	char safe[1 << 16], shown[256];
	const char *out;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		text_safe(commands[i].words, shown, sizeof(shown));
		ok(run(commands[i].words, commands[i].command) >= 0, "%s ends by itself", shown);
		out = scratch_read("out");
		text_escape(TEXT_LINES, out, strlen(out), safe, sizeof(safe), NULL);
		ok(*out && !strcmp(out, safe), "%s prints text", shown);
		if (commands[i].json)
			ok(is_strict_json(out), "%s prints JSON", shown);
	}
	(void)run("hooks list", ctl_hooks);
	ok(strstr(scratch_read("out"), "\\x1b[31m\\xff\\u009b\\u202e"), "with a visible form");
}

/* All that could hold a byte of others does. */
static void write_evil(void)
{
	char text[4 * PATH_MAX];

	snprintf(text, sizeof(text), "[vmgend]\nhook-path=%s\nhook-settings=%s\n",
		 scratch_path("hooks"), scratch_path("settings"));
	scratch_write("conf", text, 0644);
	scratch_mkdir("hooks", 0755);
	scratch_mkdir("settings", 0755);
	scratch_mkdir("run", 0755);
	scratch_mkdir("state", 0700);
	scratch_mkdir("state/fence", 0700);
	scratch_write("hooks/" EVIL, "", 0755);
	scratch_write("hooks/a\nprotected:   yes\n", "", 0755);
	scratch_write("hooks/10-settings", "#!/bin/sh\n", 0755);
	scratch_write("settings/10-settings.conf", "[hook]\n# " EVIL "\n" EVIL " = " EVIL "\n", 0644);
	(void)!symlink("/nonexistent/" EVIL, scratch_path("hooks/20-link"));
	scratch_write("state/fence/evil.service", "because " EVIL "\n", 0600);
	scratch_mkdir("state/samba-ad", 0700);
	scratch_mkdir("state/samba-ad/notices", 0700);
	scratch_write("state/samba-ad/notices/" EVIL, EVIL "\n", 0600);
	scratch_write("state/history", "{\"version\":1,\"event\":\"" EVIL "\"}\n", 0600);
	snprintf(text, sizeof(text), "{\"version\":1,\"pid\":%d,\"activity\":\"watching\",\"generation\":5,"
		 "\"lost\":[\"" EVIL "\"],\"last\":{\"event\":\"" EVIL "\",\"generation\":5,\"detected_usec\":1,"
		 "\"finished_usec\":3,\"reseed_errno\":0,\"incomplete\":false,\"hooks\":{"
		 "\"80-" EVIL "\":{\"outcome\":\"" EVIL "\",\"status\":0,\"duration_ms\":1}}}}\n", (int)getpid());
	scratch_write("run/status.json", text, 0644);
	scratch_write("inventory", "evil\t/ command: " EVIL "\t" EVIL "\thook " EVIL "\t" EVIL "\n", 0644);
}

/* Maps a file that is named as the library, under a name that a process may have. */
static pid_t begin_evil(void)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds))
		scratch_give_up("pipe");
	scratch_write("libcrypto.so.9", "not much", 0644);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open(scratch_path("libcrypto.so.9"), O_RDONLY), 0) ==
		    MAP_FAILED || prctl(PR_SET_NAME, EVIL))
			_exit(1);
		(void)!write(fds[1], "", 1);
		pause();
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1)
		scratch_give_up("evil");
	return pid;
}

/* Does it run a program of the name, and not this one? */
static bool waits(pid_t pid)
{
	char path[32], name[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0)
		scratch_give_up(path);
	close(fd);
	return !strcmp(name, "big\n");
}

/* A program with a hole of a terabyte, where there is room for 64 MiB. */
static void test_sparse(void)
{
	struct statfs before, after;
	char path[PATH_MAX];
	pid_t pid;
	int r;

	scratch_mkdir("memory", 0755);
	if (mount("none", scratch_path("memory"), "tmpfs", 0, "size=64m"))
		scratch_give_up("tmpfs");
	snprintf(path, sizeof(path), "cp /bin/sleep %s && truncate -s 1T %s", scratch_path("memory/big"),
		 scratch_path("memory/big"));
	if (system(path))
		scratch_give_up("big");
	pid = fork();
	if (!pid) {
		strcpy(path, scratch_path("memory/big"));
		execl(path, "big", "1000", NULL);
		_exit(1);
	}
	/* Until it is that program. */
	while (!waits(pid))
		usleep(1000);
	statfs(scratch_path("memory"), &before);
	r = run("check", ctl_check);
	statfs(scratch_path("memory"), &after);
	ok(r >= 0, "a program with a hole stops nothing");
	equal(after.f_bfree, before.f_bfree, "nor is the hole filled");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	umount2(scratch_path("memory"), MNT_DETACH);
}

int main(void)
{
	pid_t pid;

	scratch_create();
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		scratch_give_up("unshare");
	write_evil();
	pid = begin_evil();
	test_commands();
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	test_sparse();
	return tap_done();
}
