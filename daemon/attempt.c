/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One execution of a hook.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attempt.h"
#include "environment.h"
#include "log.h"
#include "output.h"
#include "process.h"

enum {
	EXIT_NOT_APPLICABLE = 77,
	/* Per look at the output, so that a hook that prints on and on still times out. */
	PUMP_SIZE = 65536,
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
	struct environment environment;
	char reason[HOOK_REASON_SIZE];
	int fd, r;

	r = hook_open(job->hook, &fd, reason);
	if (r) {
		log_error("%s: not run: %s", job->hook->name, reason);
		return r;
	}
	environment_init(&environment, job->run, job->hook);
	r = process_start(fd, environment.argv, environment.envp, ret_process);
	close(fd);
	if (r)
		log_unusable(job, r);
	return r;
}

void attempt_run(const struct job *job, struct hook_result *ret_result)
{
	int64_t start = now_ms();
	struct process process;
	siginfo_t end = { .si_pid = 0 };
	bool timed_out;

	ret_result->outcome = OUTCOME_UNUSABLE;
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
	ret_result->duration_ms = now_ms() - start;
	set_outcome(ret_result, timed_out, &end);
	log_result(job, ret_result);
}
