/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The service manager, as systemctl(1) tells of it. What counts is what the
 * manager has loaded: a unit file that it has not read yet does nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "manager.h"
#include "paths.h"
#include "process.h"

enum {
	OUTPUT_LIMIT_BYTES = 1 << 16,
	/* For a process that was killed; one in the kernel's hands stays behind. */
	REAP_MS = 200,
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Returns 0; -ETIMEDOUT; -errno. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int64_t left;
	int n;

	for (;;) {
		left = deadline - now_ms();
		n = poll(&pollfd, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* Reads to the end. */
static int read_output(int fd, int64_t deadline, char *output, size_t size)
{
	char rest[512];
	size_t used = 0;
	ssize_t n;
	int r;

	for (;;) {
		r = wait_readable(fd, deadline);
		if (r)
			return r;
		n = output ? read(fd, output + used, size - used) : read(fd, rest, sizeof(rest));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		if (output && n > 0 && (used += n) == size)
			return -EFBIG;
	}
	if (output)
		output[used] = '\0';
	return 0;
}

static void __attribute__((noreturn)) child(const char *const argv[], int output_fd)
{
	/* Nothing of a hook's or a user's: not his bus, pager or language. */
	char path[PATH_MAX], *envp[] = { path, (char *)"LC_ALL=C", NULL };
	const char *own = getenv("PATH");
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	process_reset_signals(0);
	snprintf(path, sizeof(path), "PATH=%s", own ? own : PATH_PROGRAMS);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDERR_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0)
		_exit(127);
	(void)execvpe(argv[0], (char *const *)argv, envp);
	_exit(127);
}

/* Returns the exit status; -ETIMEDOUT: it still runs, or the kernel does not let go of it. */
static int reap(pid_t pid, int pid_fd, int64_t deadline)
{
	int status, r = wait_readable(pid_fd, deadline);

	if (r) {
		(void)kill(pid, SIGKILL);
		if (!wait_readable(pid_fd, now_ms() + REAP_MS))
			(void)waitpid(pid, NULL, 0);
		return r;
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int manager_run(const char *const argv[], int timeout_ms, char *output, size_t size)
{
	int64_t deadline = now_ms() + timeout_ms;
	int fds[2], pid_fd, r, status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		child(argv, fds[1]);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	pid_fd = r ? -1 : pidfd_open(pid, 0);
	if (!r && pid_fd < 0) {
		r = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (pid_fd >= 0) {
		r = read_output(fds[0], deadline, output, size);
		/* What failed is not waited for. */
		status = reap(pid, pid_fd, r ? now_ms() : deadline);
		if (!r)
			r = status;
		close(pid_fd);
	}
	close(fds[0]);
	return r;
}

const char *manager_error(int error)
{
	switch (error) {
	case -ENOENT:
		return "systemd does not run here";
	case -ETIMEDOUT:
		return "systemd does not answer";
	default:
		return "systemd gives no answer that makes sense";
	}
}

bool manager_has_name(const struct manager_unit *unit, const char *name)
{
	char word[NAME_MAX + 3];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(unit->names, word);
}

/* One of "{ path=P ; argv[]=WORDS ; ignore_errors=no ; ..."; ret_words: after the first. */
static bool take_command(char *value, char **ret_program, char **ret_words)
{
	char *path = strstr(value, "path="), *words = strstr(value, "argv[]="), *end, *slash;

	end = words ? strstr(words, " ; ignore_errors=no ;") : NULL;
	if (!path || !end || path > words)
		return false;
	*end = '\0';
	path += strlen("path=");
	path[strcspn(path, " ")] = '\0';
	slash = strrchr(path, '/');
	*ret_program = slash ? slash + 1 : path;
	words += strlen("argv[]=");
	words += strcspn(words, " ");
	*ret_words = words + (*words == ' ');
	return true;
}

/* Does this command fail while there is a fence? */
static bool command_asks(const struct manager_unit *unit, const char *state_dir, char *value)
{
	const char *fence_check = "fence check ";
	char *program, *words, option[PATH_MAX + 16];

	if (!take_command(value, &program, &words))
		return false;
	/* Which knows no other directory, nor another unit, unless it is told. */
	if (!strcmp(program, "vmgend-samba-ad"))
		return !strcmp(words, "before-start") && !strcmp(state_dir, PATH_STATE_DIR) &&
		       !strcmp(unit->id, "samba-ad-dc.service");
	if (strcmp(program, "vmgenctl"))
		return false;
	snprintf(option, sizeof(option), "--state-dir=%s ", state_dir);
	if (!strncmp(words, option, strlen(option)))
		words += strlen(option);
	else if (strcmp(state_dir, PATH_STATE_DIR))
		return false;
	return !strncmp(words, fence_check, strlen(fence_check)) &&
	       manager_has_name(unit, words + strlen(fence_check));
}

static const char *property(const char *output, const char *name)
{
	size_t n = strlen(name);
	const char *line;

	for (line = output; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && line[n] == '=')
			return line + n + 1;
	}
	return "";
}

static bool property_is(const char *output, const char *name, const char *value)
{
	const char *found = property(output, name);
	size_t n = strlen(value);

	return !strncmp(found, value, n) && (!found[n] || found[n] == '\n');
}

/* One that waits to be started again, or whose turn it is to ask, does nothing yet. */
static bool runs(const char *output)
{
	static const char *const waits[] = {
		"auto-restart", "auto-restart-queued", "condition", "start-pre",
	};
	size_t i;

	if (property_is(output, "ActiveState", "inactive") ||
	    property_is(output, "ActiveState", "failed"))
		return false;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (property_is(output, "SubState", waits[i]))
			return false;
	return true;
}

static int parse(char *output, const char *state_dir, const char *drop_in,
		 struct manager_unit *ret_unit)
{
	struct manager_unit unit = { .asks = false };
	const char *value;
	char *line, *rest, word[PATH_MAX + 2], paths[PATH_MAX + 1024];

	if (strcspn(property(output, "Id"), "\n") > NAME_MAX ||
	    strcspn(property(output, "Names"), "\n") > MANAGER_NAMES_SIZE - 3)
		return -E2BIG;
	value = property(output, "Id");
	snprintf(unit.id, sizeof(unit.id), "%.*s", (int)strcspn(value, "\n"), value);
	value = property(output, "Names");
	snprintf(unit.names, sizeof(unit.names), " %.*s ", (int)strcspn(value, "\n"), value);
	if (!*unit.id || !*property(output, "LoadState") || !*property(output, "ActiveState"))
		return -EBADMSG;
	unit.runs = runs(output);
	unit.exists = unit.runs || !property_is(output, "LoadState", "not-found");
	unit.masked = property_is(output, "LoadState", "masked");
	value = property(output, "DropInPaths");
	snprintf(paths, sizeof(paths), " %.*s ", (int)strcspn(value, "\n"), value);
	snprintf(word, sizeof(word), " %s ", drop_in);
	unit.has_drop_in = strstr(paths, word);
	for (line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, "ExecStartPre=", strlen("ExecStartPre=")))
			unit.asks |= command_asks(&unit, state_dir, line);
	*ret_unit = unit;
	return 0;
}

int manager_ask(const char *unit, const char *state_dir, const char *drop_in, int timeout_ms,
		struct manager_unit *ret_unit)
{
	const char *const argv[] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,Names,LoadState,ActiveState,SubState,DropInPaths,ExecStartPre",
		"--", unit, NULL,
	};
	char *output;
	int r;

	if (sd_booted() <= 0)
		return -ENOENT;
	output = malloc(OUTPUT_LIMIT_BYTES);
	if (!output)
		return -ENOMEM;
	r = manager_run(argv, timeout_ms, output, OUTPUT_LIMIT_BYTES);
	if (!r)
		r = parse(output, state_dir, drop_in, ret_unit);
	free(output);
	return r > 0 ? -EIO : r;
}

int manager_reload(int timeout_ms)
{
	const char *const argv[] = { "systemctl", "daemon-reload", NULL };
	int r = sd_booted() > 0 ? manager_run(argv, timeout_ms, NULL, 0) : -ENOENT;

	return r > 0 ? -EIO : r;
}
