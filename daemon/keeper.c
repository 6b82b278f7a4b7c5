/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The keeper of a hook. It holds the lock of the run with the daemon, so that
 * a daemon that is started meanwhile waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "log.h"
#include "output.h"
#include "process.h"
#include "state.h"

enum {
	REPORT_FD = 3,
	LOCK_FD = 4,
	EXIT_NOT_APPLICABLE = 77,
	/* Per look at the output, so that a hook that prints on and on still times out. */
	PUMP_SIZE = 65536,
};

struct job {
	const struct config *config;
	const struct record *run;
	const struct hook *hook;
	unsigned int timeout_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/*
 * Runs until the process has ended or is given up. Returns true if its time
 * was over.
 */
static bool watch_process(const struct job *job, const struct process *process)
{
	const struct {
		unsigned int timeout_ms;
		int signal;
	} steps[] = {
		{ job->timeout_ms, SIGTERM },
		{ job->config->kill_grace_ms, SIGKILL },
		/* One that hangs in the kernel cannot be helped. */
		{ job->config->kill_grace_ms, 0 },
	};
	struct output output = { .name = job->hook->name };
	struct pollfd fds[] = {
		{ .fd = process->pid_fd, .events = POLLIN },
		{ .fd = process->output_fd, .events = POLLIN },
	};
	int64_t deadline = now_ms() + steps[0].timeout_ms, left;
	size_t step = 0;

	while (!fds[0].revents && step < sizeof(steps) / sizeof(steps[0])) {
		left = deadline - now_ms();
		if (left <= 0) {
			if (steps[step].signal)
				(void)kill(-process->pid, steps[step].signal);
			if (++step < sizeof(steps) / sizeof(steps[0]))
				deadline = now_ms() + steps[step].timeout_ms;
			continue;
		}
		if (poll(fds, 2, left) > 0 && fds[1].revents &&
		    !output_pump(&output, process->output_fd, PUMP_SIZE))
			fds[1].fd = -1;
	}
	/* What it printed last; a grandchild may still hold the other end. */
	(void)output_pump(&output, process->output_fd, PUMP_SIZE);
	output_finish(&output);
	return step > 0;
}

static void set_outcome(struct hook_result *result, bool timed_out, const siginfo_t *end)
{
	if (timed_out) {
		result->outcome = OUTCOME_TIMED_OUT;
	} else if (end->si_code != CLD_EXITED) {
		result->outcome = OUTCOME_KILLED;
		result->status = end->si_status;
	} else if (!end->si_status) {
		result->outcome = OUTCOME_SUCCEEDED;
	} else if (end->si_status == EXIT_NOT_APPLICABLE) {
		result->outcome = OUTCOME_NOT_APPLICABLE;
	} else {
		result->outcome = OUTCOME_FAILED;
		result->status = end->si_status;
	}
}

static void log_result(const struct job *job, const struct hook_result *result)
{
	const char *name = result->name;

	switch (result->outcome) {
	case OUTCOME_SUCCEEDED:
		log_info("%s: succeeded after %" PRIu64 " ms", name, result->duration_ms);
		break;
	case OUTCOME_NOT_APPLICABLE:
		log_info("%s: does not apply here (exit status %d)", name, EXIT_NOT_APPLICABLE);
		break;
	case OUTCOME_FAILED:
		log_error("%s: failed with exit status %d; its output above may say why",
			  name, result->status);
		break;
	case OUTCOME_KILLED:
		log_error("%s: killed by signal %d (SIG%s), not by vmgend; see the kernel's log",
			  name, result->status, sigabbrev_np(result->status) ?: "?");
		break;
	case OUTCOME_TIMED_OUT:
		log_error("%s: had not ended after %u s, so its process group was sent SIGTERM and SIGKILL; mend it, or raise timeout in %s/%s.conf",
			  name, job->timeout_ms / 1000, job->config->hook_settings_dir, name);
		break;
	case OUTCOME_UNUSABLE:
	case OUTCOME_LOST:
		/* Told where it was found. */
		break;
	}
}

static void log_unusable(const struct job *job, int error)
{
	const struct hook *hook = job->hook;
	const char *remedy = "";

	if (error == -ENOENT)
		remedy = "; the interpreter that its first line names, or its ELF loader, does not exist";
	else if (error == -ENOEXEC)
		remedy = "; a script needs #! and its interpreter in its first line";
	else if (error == -EACCES)
		remedy = "; its interpreter may not be executed, or the file system is mounted noexec";
	log_error("%s: not run: cannot execute %s/%s: %s%s", hook->name, hook->directory,
		  hook->name, strerror(-error), remedy);
}

static int start_hook(const struct job *job, struct process *ret_process)
{
	const char *event = event_name(job->run->event);
	char path[HOOK_PATH_SIZE], generation[24], variables[3][128];
	char *const argv[] = { path, (char *)event, generation, NULL };
	char *const envp[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LANG=C.UTF-8",
		(char *)"VMGEN_SOURCE=vmgenid",
		(char *)"VMGEN_HINT=unknown",
		(char *)"VMGEN_INTENT=",
		variables[0], variables[1], variables[2], NULL,
	};
	char reason[HOOK_REASON_SIZE];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", job->hook->directory, job->hook->name);
	snprintf(generation, sizeof(generation), "%" PRIu64, job->run->generation);
	snprintf(variables[0], sizeof(variables[0]), "VMGEN_EVENT=%s", event);
	snprintf(variables[1], sizeof(variables[1]), "VMGEN_GENERATION=%s", generation);
	snprintf(variables[2], sizeof(variables[2]), "VMGEN_ID_HASH=%s", job->run->id_hash);
	r = hook_open(job->hook, &fd, reason);
	if (r) {
		log_error("%s: not run: %s", job->hook->name, reason);
		return r;
	}
	r = process_start(fd, argv, envp, ret_process);
	close(fd);
	if (r)
		log_unusable(job, r);
	return r;
}

static void run_hook(const struct job *job, struct hook_result *result)
{
	int64_t start = now_ms();
	struct process process;
	siginfo_t end = { .si_pid = 0 };
	bool timed_out;

	result->outcome = OUTCOME_UNUSABLE;
	if (start_hook(job, &process))
		return;
	timed_out = watch_process(job, &process);
	/*
	 * Its process ID is not free again before it is reaped, so the group
	 * that a leader left behind can be killed without hitting another.
	 */
	(void)waitid(P_PIDFD, process.pid_fd, &end, WEXITED | WNOWAIT | WNOHANG);
	if (timed_out)
		(void)kill(-process.pid, SIGKILL);
	(void)waitid(P_PIDFD, process.pid_fd, &end, WEXITED | WNOHANG);
	result->duration_ms = now_ms() - start;
	set_outcome(result, timed_out, &end);
	log_result(job, result);
}

static void __attribute__((noreturn)) keep(const struct job *job)
{
	struct keeper_report report = { .record_error = 0 };

	strcpy(report.result.name, job->hook->name);
	run_hook(job, &report.result);
	if (!job->run->drill)
		report.record_error = state_add_result(job->config->state_dir,
						       job->run->id_hash, &report.result);
	/* The daemon may be gone; then the record is what counts. */
	(void)!write(REPORT_FD, &report, sizeof(report));
	_exit(0);
}

static void __attribute__((noreturn))
become_keeper(const struct job *job, int report_fd, int lock_fd)
{
	process_reset_signals();
	/* Writing to a daemon that is gone must not kill the keeper. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmgend-keeper");
	/* First out of the way, so that no dup3() below hits another. */
	report_fd = fcntl(report_fd, F_DUPFD, LOCK_FD + 1);
	lock_fd = fcntl(lock_fd, F_DUPFD, LOCK_FD + 1);
	/* The hook must not inherit them, nor the keeper the daemon's own lock. */
	if (report_fd < 0 || lock_fd < 0 || dup3(report_fd, REPORT_FD, O_CLOEXEC) < 0 ||
	    dup3(lock_fd, LOCK_FD, O_CLOEXEC) < 0 || close_range(LOCK_FD + 1, ~0U, 0))
		_exit(1);
	keep(job);
}

int keeper_start(const struct config *config, const struct record *run, const struct hook *hook,
		 unsigned int timeout_ms, int lock_fd, struct keeper *ret_keeper)
{
	const struct job job = {
		.config = config, .run = run, .hook = hook, .timeout_ms = timeout_ms,
	};
	sigset_t all, before;
	int fds[2], error;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	/* A handler of the daemon must not run in the keeper. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid)
		become_keeper(&job, fds[1], lock_fd);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -error;
	}
	*ret_keeper = (struct keeper){ .pid = pid, .report_fd = fds[0] };
	return 0;
}

int keeper_collect(struct keeper *keeper, const char *name, struct keeper_report *ret_report)
{
	struct keeper_report report;
	pid_t pid = waitpid(keeper->pid, NULL, WNOHANG);

	if (!pid || (pid < 0 && errno == EINTR))
		return -EAGAIN;
	/* The pipe holds a whole report, or the keeper died before it wrote one. */
	if (read(keeper->report_fd, &report, sizeof(report)) != sizeof(report)) {
		report = (struct keeper_report){ .result.outcome = OUTCOME_LOST };
		snprintf(report.result.name, sizeof(report.result.name), "%s", name);
	}
	close(keeper->report_fd);
	keeper->report_fd = -1;
	*ret_report = report;
	return 0;
}
