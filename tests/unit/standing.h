/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What tests of guards that stand by share. The program is its own hook: what it does goes by the
 * hook's name.
 */
#ifndef STANDING_H
#define STANDING_H

#include "guarded.h"

#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include "keys/standby.h"

/* Instead of libc's: keepers look at the clock again, however long they have time. */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	struct timespec look = { .tv_nsec = 20000000 };
	char name[16] = "";

	/* The kernel writes into it. */
	if (limit && (prctl(PR_GET_NAME, name) || strcmp(name, "vmgend-keeper") ||
		      (!limit->tv_sec && limit->tv_nsec < look.tv_nsec)))
		look = *limit;
	return syscall(SYS_ppoll, fds, n, limit ? &look : NULL, mask, _NSIG / 8);
}

/* As a hook: adds a line to a file of its name. */
static inline void __attribute__((format(printf, 2, 3))) note(const char *file, const char *format, ...)
{
	char path[NAME_MAX + 1], text[1024];
	va_list args;
	int fd, n;

	snprintf(path, sizeof(path), "%s.%s", strrchr(program_invocation_name, '/') + 1, file);
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, text, n) != n)
		abort();
	close(fd);
}

static inline int policy_of_child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(sched_getscheduler(0));
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void note_environment(const char *file, int argc)
{
	char target[PATH_MAX] = "";
	char **variable;

	(void)!readlink("/proc/self/fd/0", target, sizeof(target) - 1);
	note(file, "%d argument(s), policy %d, of a child %d, nice %d, input %.6s:", argc - 1,
	     sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, policy_of_child(),
	     getpriority(PRIO_PROCESS, 0), target);
	for (variable = environ; *variable; variable++)
		note(file, " %s", *variable);
	note(file, "\n");
}

/* Until it is killed, or the test is over. */
static inline void hang(void)
{
	for (;;)
		pause();
}

/* What a guard may do before there is anything to tell. Returns whether it ends by that. */
static inline bool misbehave(const char *name)
{
	bool bursts = !strcmp(name, "11-bursts");
	int i;

	if (!strcmp(name, "11-crash"))
		abort();
	if (!strcmp(name, "11-deaf") || !strcmp(name, "11-late"))
		hang();
	if (!strcmp(name, "11-shut")) {
		(void)close(STDIN_FILENO);
		hang();
	}
	/* Its child keeps what it prints to open. */
	if (!strcmp(name, "11-leaves")) {
		if (!fork())
			hang();
		return true;
	}
	for (i = 0; (bursts || !strcmp(name, "11-loud")) && i < 100000; i++)
		printf("on and on\n");
	fflush(stdout);
	return bursts || !strcmp(name, "11-script");
}

static inline int be_hook(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') + 1;
	bool standby = getenv("VMGEN_STANDBY");
	int r;

	if (chdir(dirname(strdupa(argv[0]))) || chdir(".."))
		return 1;
	if (standby)
		note_environment("before", argc);
	note(standby ? "stands" : "executed", "%d\n", (int)getpid());
	if (standby && misbehave(name))
		return 0;
	r = standby_wait();
	if (r)
		return 1;
	/* First: a test waits for the other. */
	note_environment("after", argc);
	note("told", "%s %s %s %d\n", getenv("VMGEN_EVENT"), getenv("VMGEN_GENERATION"),
	     standby ? "stood by" : "executed", (int)getpid());
	while (!strcmp(name, "11-spins"))
		;
	if (!strcmp(name, "11-long") && access("finish", F_OK))
		hang();
	return 0;
}

static inline void place(const char *name)
{
	static char self[PATH_MAX];
	char command[3 * PATH_MAX], path[64];

	if (!*self && readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		scratch_give_up("self");
	snprintf(command, sizeof(command), "cd %s && cp %s new-hook && mv new-hook hooks/%s",
		 scratch_directory, self, name);
	snprintf(path, sizeof(path), "settings/%s.conf", name);
	scratch_write(path, "[hook]\nstandby = yes\ntimeout = 600\n", 0644);
	if (system(command))
		scratch_give_up(name);
}

static inline void clear(const char *name)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cd %s && rm -f hooks/%s settings/%s.conf %s.* log",
		 scratch_directory, name, name, name);
	if (system(command))
		scratch_give_up(name);
}

static inline size_t lines(const char *file)
{
	const char *text = scratch_read(file);
	size_t n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

/* Until so many instances were executed to stand by; returns the latest, or 0. */
static inline pid_t stands(const char *file, size_t n)
{
	const char *text;
	int i;

	for (i = 0; i < SCRATCH_LOOKS && lines(file) < n; i++)
		usleep(10000);
	text = scratch_read(file);
	for (i = 1; *text && i < (int)n; i++)
		text = strchr(text, '\n') + 1;
	return lines(file) < n ? 0 : atoi(text);
}

static inline bool ends(pid_t pid)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS && !kill(pid, 0); i++)
		usleep(10000);
	return pid > 0 && i < SCRATCH_LOOKS;
}

/* What the next change tells: it must be good until then. */
static inline const char *told(const char *how, pid_t pid)
{
	static char text[128];

	snprintf(text, sizeof(text), "changed %d %s %.0d", (int)device->generation + 1, how, (int)pid);
	return text;
}

/* Otherwise the next vmgend goes on with it. */
static inline void finish(pid_t pid)
{
	char generation[16];

	snprintf(generation, sizeof(generation), "%d", (int)device->generation);
	if (!ok(comes("run/generation", generation), "the change is handled"))
		printf("# %.6000s\n", scratch_read("log"));
	end(pid);
}

static inline void expect(const char *file, const char *text, const char *what)
{
	if (!ok(comes(file, text), "%s", what))
		printf("# wanted: %s\n# %s\n# %.6000s\n", text, scratch_read(file), scratch_read("log"));
}

/* Its time is over until it is; more than once, because it may begin late. */
static inline bool times_out(const char *name)
{
	char text[64];
	int i;

	snprintf(text, sizeof(text), "%s: still ran after 600 s", name);
	for (i = 0; i < SCRATCH_LOOKS && !strstr(scratch_read("log"), text); i++) {
		*clock_ahead_sec += i % 100 ? 0 : 1000;
		usleep(10000);
	}
	return i < SCRATCH_LOOKS;
}

#endif /* STANDING_H */
