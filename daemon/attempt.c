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
#include "cgroup.h"
#include "environment.h"
#include "log.h"
#include "output.h"
#include "process.h"
#include "tree.h"

enum {
	EXIT_NOT_APPLICABLE = 77,
	/* Per look at the output, so that a hook that prints on and on still times out. */
	PUMP_SIZE = 65536,
	/* Between looks at what is left of a hook that is being ended. */
	LOOK_INTERVAL_MS = 20,
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Returns true when the process has ended, false when its time is over. */
static bool wait_for_end(const struct job *job, const struct process *process,
			 struct output *output)
{
	struct pollfd fds[] = {
		{ .fd = process->pid_fd, .events = POLLIN },
		{ .fd = process->output_fd, .events = POLLIN },
	};
	int64_t deadline = now_ms() + job->settings->timeout_sec * INT64_C(1000), left;

	while (!fds[0].revents) {
		left = deadline - now_ms();
		if (left <= 0)
			return false;
		if (poll(fds, 2, left) > 0 && fds[1].revents &&
		    !output_pump(output, process->output_fd, PUMP_SIZE))
			fds[1].fd = -1;
	}
	return true;
}

/* Returns how many of the hook's processes are left when the grace is over. */
static size_t end_with(const struct job *job, const struct process *process, int signal,
		       struct output *output)
{
	const struct timespec pause = { .tv_nsec = LOOK_INTERVAL_MS * 1000000 };
	int64_t deadline = now_ms() + job->config->kill_grace_ms;
	int next = signal;
	size_t left;

	for (;;) {
		if (tree_signal(next, &left)) {
			/* Better some of them than none. */
			(void)kill(-process->pid, next);
			left = 1;
		}
		if (!left || now_ms() >= deadline)
			return left;
		nanosleep(&pause, NULL);
		/* It may print before it ends. */
		(void)output_pump(output, process->output_fd, PUMP_SIZE);
		/* Once is enough to ask, but what was forked meanwhile must be killed, too. */
		if (signal != SIGKILL)
			next = 0;
	}
}

/* Ends everything that the hook started, wherever it went. */
static void end_tree(const struct job *job, const struct process *process, int cgroup_fd,
		     struct output *output)
{
	size_t left;

	(void)end_with(job, process, SIGTERM, output);
	if (cgroup_fd >= 0)
		(void)cgroup_kill(cgroup_fd);
	left = end_with(job, process, SIGKILL, output);
	if (left)
		log_error("%s: %zu of its processes could not be ended: they hang in the kernel, or start others all the time",
			  job->hook->name, left);
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
		log_error("%s: had not ended after %u s, so all its processes were ended; mend it, or raise timeout in %s/%s.conf",
			  name, job->settings->timeout_sec, job->config->hook_settings_dir, name);
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
		remedy = "; it or its interpreter may not be executed, by that user at any rate, or the file system is mounted noexec";
	log_error("%s: not run: cannot execute %s/%s: %s%s", hook->name, hook->directory,
		  hook->name, strerror(-error), remedy);
}

static int execute(const struct job *job, int fd, int cgroup_fd, const struct account *account,
		   struct process *ret_process)
{
	struct environment environment;
	const struct program program = {
		.fd = fd, .argv = environment.argv, .envp = environment.envp,
		.account = account, .cgroup_fd = cgroup_fd,
	};
	int r;

	environment_init(&environment, job->run, job->hook, account);
	r = process_start(&program, ret_process);
	if (r)
		log_unusable(job, r);
	return r;
}

static int execute_as(const struct job *job, int fd, int cgroup_fd, const char *user,
		      struct process *ret_process)
{
	struct account account;
	int r;

	r = account_find(user, &account);
	if (r) {
		log_error("%s: not run: user \"%s\" of %s/%s.conf: %s", job->hook->name, user,
			  job->config->hook_settings_dir, job->hook->name, account_strerror(r));
		return r;
	}
	r = execute(job, fd, cgroup_fd, &account, ret_process);
	account_clear(&account);
	return r;
}

static int start_hook(const struct job *job, int cgroup_fd, struct process *ret_process)
{
	const char *user = job->settings->user;
	char reason[HOOK_REASON_SIZE];
	int fd, r;

	r = hook_open(job->hook, &fd, reason);
	if (r) {
		log_error("%s: not run: %s", job->hook->name, reason);
		return r;
	}
	r = *user ? execute_as(job, fd, cgroup_fd, user, ret_process) :
		    execute(job, fd, cgroup_fd, NULL, ret_process);
	close(fd);
	return r;
}

/* Returns true if its time was over. */
static bool watch(const struct job *job, const struct process *process, int cgroup_fd,
		  siginfo_t *ret_end)
{
	struct output output = { .name = job->hook->name };
	bool timed_out = !wait_for_end(job, process, &output);

	if (timed_out)
		end_tree(job, process, cgroup_fd, &output);
	/* What it printed last; a grandchild may still hold the other end. */
	(void)output_pump(&output, process->output_fd, PUMP_SIZE);
	output_finish(&output);
	/* Only now is its process ID free, which is that of its group as well. */
	(void)waitid(P_PIDFD, process->pid_fd, ret_end, WEXITED | WNOHANG);
	close(process->pid_fd);
	close(process->output_fd);
	return timed_out;
}

void attempt_run(const struct job *job, struct hook_result *ret_result)
{
	/* Without a cgroup it takes longer to end it, and that is all. */
	struct cgroup cgroup = { .fd = -1 };
	bool has_cgroup = !cgroup_create(job->hook->name, &cgroup), timed_out;
	siginfo_t end = { .si_pid = 0 };
	int64_t start = now_ms();
	struct process process;

	ret_result->outcome = OUTCOME_UNUSABLE;
	ret_result->status = 0;
	if (!start_hook(job, cgroup.fd, &process)) {
		timed_out = watch(job, &process, cgroup.fd, &end);
		ret_result->duration_ms = now_ms() - start;
		set_outcome(ret_result, timed_out, &end);
		log_result(job, ret_result);
	}
	if (has_cgroup)
		cgroup_release(&cgroup);
}
