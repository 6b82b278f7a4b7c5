/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the hooks of DHCP clients do with processes. A shell cannot tell root's
 * client from a process of somebody else that calls itself so, nor hold one while
 * it looks; and of no process the arguments are executed: a unit is started again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "candidate.h"
#include "unit.h"

enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	NOT_APPLICABLE = 77,
	END_MS = 5000,
};

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "0", 0 },
	{ "HUP", SIGHUP },
	{ "KILL", SIGKILL },
};

/* Returns 0 and the number in a PID file, or -ENOENT, or -EPERM: not root alone wrote it. */
static int read_pid_file(const char *path, pid_t *ret_pid)
{
	char text[16], *end;
	ssize_t n;
	long pid;
	int fd;

	if (access(path, F_OK))
		return -ENOENT;
	if (!only_root_writes(path))
		return -EPERM;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	pid = strtol(text, &end, 10);
	if (end == text || (*end && *end != '\n') || pid <= 1 || pid > 0x400000)
		return -ENOENT;
	*ret_pid = pid;
	return 0;
}

/* As this machine's own file has it: a name service that hangs is not asked. */
static uid_t local_user(const char *name)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;
	uid_t uid = 0;

	if (!file)
		return 0;
	while (!uid && (entry = fgetpwent(file)))
		if (!strcmp(entry->pw_name, name))
			uid = entry->pw_uid;
	fclose(file);
	return uid;
}

/* With mounts of its own it may be in a container, unless a unit has it so. */
static int hold(pid_t pid, const struct program *program, uid_t also, struct process *ret_process)
{
	struct process process;
	struct unit unit;
	sd_bus *bus;
	int r = process_hold(pid, program, also, &process);

	if (r || !process.own_mounts) {
		if (!r)
			*ret_process = process;
		return r;
	}
	r = unit_connect(&bus);
	if (!r) {
		r = unit_of(bus, pid, &unit);
		unit_disconnect(bus);
	}
	if (!r) {
		r = unit.main == pid ? 0 : -ESRCH;
		unit_clear(&unit);
	}
	if (!r)
		*ret_process = process;
	else
		process_release(&process);
	return r;
}

static int send(const struct process *process, int number, const char *pid_file)
{
	int r = process_signal(process, number);

	if (!r && number == SIGKILL)
		r = process_await_end(process, END_MS);
	if (!r)
		return DONE;
	printf("cannot signal the process of %s: %s\n", pid_file, strerror(-r));
	return FAILED;
}

/* client signal SIGNAL PROGRAM PIDFILE [USER] */
static int do_signal(const struct program *program, int n_arguments, char **arguments)
{
	uid_t also = n_arguments > 3 ? local_user(arguments[3]) : 0;
	struct process process;
	size_t i;
	pid_t pid;
	int r;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!strcmp(signals[i].name, arguments[0]))
			break;
	if (i == sizeof(signals) / sizeof(signals[0]))
		return USAGE;
	r = read_pid_file(arguments[2], &pid);
	if (r == -EPERM) {
		printf("%s is not believed: it, or a directory above it, can be changed by others than root\n",
		       arguments[2]);
		return FAILED;
	}
	if (r || hold(pid, program, also, &process))
		return NOT_APPLICABLE;
	r = send(&process, signals[i].number, arguments[2]);
	process_release(&process);
	return r;
}

/*
 * At SIGTERM dhclient gives its lease back, which the machine that this one was
 * cloned from still uses; so it is killed, and the unit started again.
 */
static int restart(sd_bus *bus, const struct unit *unit, const struct process *process)
{
	const char *event = getenv("VMGEN_EVENT");
	int r;

	if (event && !strcmp(event, "test")) {
		printf("would restart %s\n", unit->name);
		return DONE;
	}
	r = unit_keep(bus, unit);
	if (!r)
		r = process_signal(process, SIGKILL);
	if (!r)
		r = process_await_end(process, END_MS);
	if (!r)
		r = unit_await_end(bus, unit);
	if (!r)
		r = unit_start(bus, unit);
	if (!r) {
		printf("restarted %s\n", unit->name);
		return DONE;
	}
	printf("%s could not be restarted: %s; then: systemctl start %s\n", unit->name,
	       strerror(-r), unit->name);
	return FAILED;
}

/* r: what came of the question for its unit. */
static int report(pid_t pid, const struct program *program, int r)
{
	if (r && r != -ENOENT && r != -ENODEV)
		printf("process %d, %s: the service manager does not tell its unit: %s\n", pid,
		       program->path, strerror(-r));
	else
		printf("process %d, %s: neither a unit nor ifupdown has started it, so nothing tells how to restart it, and it does not ask for its lease again; by hand: dhclient -x; dhclient INTERFACE\n",
		       pid, program->path);
	return FAILED;
}

static int treat(sd_bus *bus, const struct process *process, const struct program *program)
{
	struct unit unit = { .main = 0 };
	int r = bus ? unit_of(bus, process->pid, &unit) : -ENODEV;

	if (!r && unit.main == process->pid)
		r = restart(bus, &unit, process);
	else if (!r && unit.main && unit.main == process->parent)
		/* As NetworkManager runs one: it is that service's own. */
		r = NOT_APPLICABLE;
	else if (process->own_mounts || (!r && unit.starts))
		/* In a container; or it asks just now. */
		r = NOT_APPLICABLE;
	else
		r = report(process->pid, program, r);
	unit_clear(&unit);
	return r;
}

static bool is_among(pid_t pid, int n_files, char **files)
{
	pid_t other;
	int i;

	for (i = 0; i < n_files; i++)
		if (!read_pid_file(files[i], &other) && other == pid)
			return true;
	return false;
}

/* client restart PROGRAM [PIDFILE]...: all but those of the files. */
static int do_restart(const struct program *program, int n_arguments, char **arguments)
{
	int result = NOT_APPLICABLE, one;
	DIR *processes = opendir("/proc");
	struct process process;
	struct dirent *entry;
	sd_bus *bus = NULL;
	pid_t pid;

	if (!processes) {
		printf("/proc: %s\n", strerror(errno));
		return FAILED;
	}
	while ((entry = readdir(processes))) {
		pid = atoi(entry->d_name);
		if (pid <= 1 || process_hold(pid, program, 0, &process))
			continue;
		if (!bus)
			(void)unit_connect(&bus);
		one = is_among(pid, n_arguments - 1, arguments + 1) ? NOT_APPLICABLE :
			treat(bus, &process, program);
		if (one == FAILED || (one == DONE && result == NOT_APPLICABLE))
			result = one;
		process_release(&process);
	}
	closedir(processes);
	unit_disconnect(bus);
	return result;
}

static const struct command {
	const char *name;
	int program;	/* which of its arguments is the program */
	int least, most;
	int (*run)(const struct program *program, int n_arguments, char **arguments);
} commands[] = {
	{ "signal", 1, 3, 4, do_signal },
	{ "restart", 0, 1, INT32_MAX, do_restart },
};

static int run(const struct command *command, int n_arguments, char **arguments)
{
	const char *path = arguments[command->program];
	struct program program;
	int r = program_open(path, &program);

	if (r == -ENOENT)
		return NOT_APPLICABLE;
	if (r) {
		printf("%s is not trusted: %s\n", path, r == -EPERM ?
		       "it, or a directory above it, can be changed by others than root" :
		       strerror(-r));
		return FAILED;
	}
	r = command->run(&program, n_arguments, arguments);
	program_close(&program);
	return r;
}

int main(int argc, char **argv)
{
	size_t i;
	int r = USAGE;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].least &&
		    argc - 2 <= commands[i].most)
			r = run(&commands[i], argc - 2, argv + 2);
	if (r == USAGE)
		fprintf(stderr, "usage: %s signal 0|HUP|KILL PROGRAM PIDFILE [USER]\n"
			"       %s restart PROGRAM [PIDFILE]...\n", argv[0], argv[0]);
	return r;
}
