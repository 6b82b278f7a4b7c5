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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jitter.h"
#include "keeper.h"
#include "log.h"
#include "process.h"
#include "state.h"

enum {
	REPORT_FD = 3,
	LOCK_FD = 4,
	NSEC_PER_SEC = 1000000000,
};

/* Returns true if this was called off before the time was over. */
static bool pause_for(uint64_t nsec)
{
	const struct timespec pause = {
		.tv_sec = nsec / NSEC_PER_SEC, .tv_nsec = nsec % NSEC_PER_SEC,
	};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	/* It is blocked all the time, so that it waits for this. */
	return sigtimedwait(&signals, NULL, &pause) == SIGTERM;
}

static bool may_try_again(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_FAILED:
	case OUTCOME_KILLED:
	case OUTCOME_TIMED_OUT:
		return true;
	case OUTCOME_SUCCEEDED:
	case OUTCOME_NOT_APPLICABLE:
	case OUTCOME_UNUSABLE:
	case OUTCOME_LOST:
		return false;
	}
	return false;
}

static void try(const struct job *job, struct hook_result *result)
{
	unsigned int pause_ms = job->config->retry_pause_ms, retries = job->settings->retries, i;

	for (i = 1; ; i++) {
		attempt_run(job, result);
		if (i > retries || !may_try_again(result->outcome))
			return;
		log_warning("%s: tried again after %u ms (%u of %u)", result->name, pause_ms, i,
			    retries);
		if (pause_for(pause_ms * UINT64_C(1000000)))
			return;
	}
}

static void __attribute__((noreturn)) keep(const struct job *job)
{
	struct keeper_report report = { .record_error = 0 };
	uint64_t jitter = jitter_draw(job->settings->jitter_sec);

	strcpy(report.result.name, job->hook->name);
	if (job->settings->jitter_sec) {
		log_info("%s: begins in %" PRIu64 " ms", job->hook->name, jitter / 1000000);
		report.called_off = pause_for(jitter);
		if (report.called_off)
			log_info("%s: left to the next run", job->hook->name);
	}
	if (!report.called_off)
		try(job, &report.result);
	if (!report.called_off && !job->run->drill)
		report.record_error = state_add_result(job->config->state_dir,
						       job->run->id_hash, &report.result);
	/* The daemon may be gone; then the record is what counts. */
	(void)!write(REPORT_FD, &report, sizeof(report));
	_exit(0);
}

static void __attribute__((noreturn))
become_keeper(const struct job *job, int report_fd, int lock_fd)
{
	process_reset_signals(SIGTERM);
	/* Writing to a daemon that is gone must not kill the keeper. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmgend-keeper");
	/* What the hook leaves behind stays a descendant, so that it can be ended. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* First out of the way, so that no dup3() below hits another. */
	report_fd = fcntl(report_fd, F_DUPFD, LOCK_FD + 1);
	lock_fd = fcntl(lock_fd, F_DUPFD, LOCK_FD + 1);
	/* The hook must not inherit them, nor the keeper the daemon's own lock. */
	if (report_fd < 0 || lock_fd < 0 || dup3(report_fd, REPORT_FD, O_CLOEXEC) < 0 ||
	    dup3(lock_fd, LOCK_FD, O_CLOEXEC) < 0 || close_range(LOCK_FD + 1, ~0U, 0))
		_exit(1);
	keep(job);
}

int keeper_start(const struct job *job, int lock_fd, struct keeper *ret_keeper)
{
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
		become_keeper(job, fds[1], lock_fd);
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

void keeper_call_off(const struct keeper *keeper)
{
	(void)kill(keeper->pid, SIGTERM);
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
