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
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "jitter.h"
#include "keeper.h"
#include "process/child.h"
#include "process/lock.h"
#include "record/statefile.h"
#include "turn.h"

enum {
	REPORT_FD = 3,
	LOCK_FD = 4,
	ORDER_FD = 5,
	END_FD = 6,
	NSEC_PER_SEC = 1000000000,
	/* Between attempts to start it where processes or memory are short. */
	FIRST_PAUSE_MS = 50,
	LAST_PAUSE_MS = 800,
};

/* It is written as a whole, or a daemon that looks too early would find a part. */
_Static_assert(sizeof(struct keeper_report) <= PIPE_BUF, "a report fits into the pipe");

/* Returns true if this was called off before the time was over. */
static bool pause_for(uint64_t nsec)
{
	const struct timespec pause = {
		.tv_sec = nsec / NSEC_PER_SEC, .tv_nsec = nsec % NSEC_PER_SEC,
	};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* They are blocked all the time, so that they wait for this. */
	return sigtimedwait(&signals, NULL, &pause) > 0;
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

/*
 * What is short for a while is waited for, as long as the hook may take. Returns
 * 0; -ECANCELED: it was called off; -EAGAIN: there was too little all the time;
 * otherwise as attempt_prepare().
 */
static int prepare(const struct job *job, struct attempt **ret_attempt)
{
	unsigned int limit_ms = job->settings->timeout_sec * 1000, pause_ms, waited_ms;
	int r;

	for (waited_ms = 0, pause_ms = FIRST_PAUSE_MS; ; waited_ms += pause_ms) {
		r = attempt_prepare(job, ret_attempt);
		if (!attempt_is_shortage(r))
			return r;
		if (waited_ms >= limit_ms)
			return -EAGAIN;
		if (pause_for(pause_ms * UINT64_C(1000000)))
			return -ECANCELED;
		if (pause_ms < LAST_PAUSE_MS)
			pause_ms *= 2;
	}
}

/* attempt: what stands by; NULL: nothing yet. Frees it. */
static void try_once(const struct job *job, struct attempt *attempt, struct keeper_report *report)
{
	struct hook_result *result = &report->result;
	int r = -ESRCH;

	result->outcome = OUTCOME_UNUSABLE;
	result->status = 0;
	result->output = report->output;
	report->output[0] = '\0';
	if (attempt && attempt_is_fresh(attempt))
		r = attempt_run(job, attempt, END_FD, result, report->output);
	if (r == -ESRCH) {
		attempt = attempt_free(attempt);
		r = prepare(job, &attempt);
		if (!r)
			r = attempt_run(job, attempt, END_FD, result, report->output);
	}
	attempt_free(attempt);
	/* A newer instance has begun, and that one's result counts. */
	report->called_off = r == -ECANCELED || result->outcome == OUTCOME_LOST;
	/* Nothing was wrong with it, so a guard has to run whenever that can be. */
	if (r == -ETIMEDOUT || r == -EAGAIN)
		result->outcome = event_is_guard(job->hook->band) ? OUTCOME_LOST : OUTCOME_TIMED_OUT;
}

static void try(const struct job *job, struct attempt *attempt, struct keeper_report *report)
{
	unsigned int pause_ms = job->config->retry_pause_ms, retries = job->settings->retries, i;
	struct hook_result *result = &report->result;

	for (i = 1; ; i++) {
		try_once(job, attempt, report);
		attempt = NULL;
		if (i > retries || !may_try_again(result->outcome))
			return;
		log_warning("%s: tried again after %u ms (%u of %u)", result->name, pause_ms, i,
			    retries);
		if (pause_for(pause_ms * UINT64_C(1000000)))
			return;
	}
}

static void record(const struct job *job, struct keeper_report *report)
{
	report->record_error = state_add_result(job->config->state_dir, job->run->id_hash,
						&report->result);
}

/* The daemon may be gone; then the record is what counts. */
static void __attribute__((noreturn)) report_and_end(const struct keeper_report *report)
{
	(void)!write(REPORT_FD, report, sizeof(*report));
	_exit(0);
}

/*
 * What a guard has done must be known at once, however long the disk takes. The
 * record of the run may not be there yet: the daemon, which has the report,
 * writes it.
 */
static void __attribute__((noreturn))
report_guard(const struct job *job, struct keeper_report *report, int turn_fd)
{
	if (turn_fd >= 0)
		close(turn_fd);
	(void)!write(REPORT_FD, report, sizeof(*report));
	if (!report->called_off && !job->run->drill && report->result.outcome != OUTCOME_LOST &&
	    fork() <= 0) {
		child_stand_back();
		record(job, report);
		if (report->record_error && report->record_error != -ESTALE)
			log_error("%s: its result cannot be recorded in %s (it may run again): %s",
				  report->result.name, job->config->state_dir,
				  strerror(-report->record_error));
	}
	_exit(0);
}

/* turn_fd: of its lock, see turn_take(). */
static void __attribute__((noreturn))
keep_guard(const struct job *job, struct attempt *attempt, int turn_fd)
{
	struct keeper_report report = { .record_error = 0 };

	strcpy(report.result.name, job->hook->name);
	turn_take(job, turn_fd);
	try(job, attempt, &report);
	report_guard(job, &report, turn_fd);
}

/* As long as this process lives. */
static void tell_journal(const struct job *job)
{
	static struct log_fields about;

	about = (struct log_fields){
		.event = event_name(job->run->event), .hook = job->hook->name,
		.generation = job->run->generation,
	};
	journal_context(&about);
}

static void __attribute__((noreturn)) keep(const struct job *job)
{
	struct keeper_report report = { .record_error = 0 };
	uint64_t jitter = jitter_draw(job->settings->jitter_sec);

	tell_journal(job);
	if (event_is_guard(job->hook->band))
		keep_guard(job, NULL, turn_open(job, job->hook->name));
	strcpy(report.result.name, job->hook->name);
	if (job->settings->jitter_sec) {
		log_info("%s: begins in %" PRIu64 " ms", job->hook->name, jitter / 1000000);
		report.called_off = pause_for(jitter);
		if (report.called_off)
			log_info("%s: left to the next run", job->hook->name);
	}
	if (!report.called_off)
		try(job, NULL, &report);
	if (!report.called_off && !job->run->drill)
		record(job, &report);
	report_and_end(&report);
}

/*
 * One that was held up, and is late: a newer instance may have run. Only of the
 * process that has started it, because nobody else keeps a guard from running.
 */
static bool is_called_off(void)
{
	const struct timespec now = { .tv_sec = 0 };
	sigset_t signals;
	siginfo_t info;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	return sigtimedwait(&signals, &info, &now) == SIGTERM && info.si_pid == getppid();
}

static void __attribute__((noreturn)) keep_held(const struct job *job)
{
	struct keeper_report report = { .record_error = 0 };
	struct attempt *attempt = NULL;
	struct keeper_order order;
	struct job known = *job;
	int run_fd = turn_open(job, "run"), turn_fd = turn_open(job, job->hook->name);

	if (!attempt_prepare(job, &attempt))
		attempt_watch(job, attempt, ORDER_FD);
	if (read(ORDER_FD, &order, sizeof(order)) != sizeof(order)) {
		attempt_free(attempt);
		_exit(0);
	}
	/* From now on it is no matter whether the caller lives. */
	(void)prctl(PR_SET_PDEATHSIG, 0);
	known.run = &order.run;
	tell_journal(&known);
	/* Keeps a daemon that is started meanwhile waiting, as the lock of a run does. */
	(void)lock_share(run_fd);
	report.called_off = is_called_off();
	if (report.called_off) {
		strcpy(report.result.name, known.hook->name);
		attempt_free(attempt);
		report_and_end(&report);
	}
	if (order.resume && !state_result(known.config->state_dir, order.run.id_hash,
					  known.hook->name, &report.result) &&
	    outcome_settled(report.result.outcome)) {
		log_info("%s: already done for this ID", known.hook->name);
		report.result.output = NULL;
		attempt_free(attempt);
		report_and_end(&report);
	}
	keep_guard(&known, attempt, turn_fd);
}

/* Moves the descriptors to their places and closes all others. -1: there is none. */
static int arrange_descriptors(int report_fd, int lock_fd, int order_fd, int end_fd)
{
	int fds[] = { report_fd, lock_fd, order_fd, end_fd }, i;

	/* First out of the way, so that no dup3() below hits another. */
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD, END_FD + 1)) < 0)
			return -errno;
	/* The hook must not inherit them, nor the keeper the daemon's own lock. */
	for (i = 0; i < 4; i++) {
		if (fds[i] < 0)
			close(REPORT_FD + i);
		else if (dup3(fds[i], REPORT_FD + i, O_CLOEXEC) < 0)
			return -errno;
	}
	return close_range(END_FD + 1, ~0U, 0) ? -errno : 0;
}

static int become_keeper(int report_fd, int lock_fd, int order_fd)
{
	sigset_t end;
	int end_fd;

	child_reset_signals(SIGTERM);
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	end_fd = signalfd(-1, &end, SFD_CLOEXEC);
	/* Writing to a daemon that is gone must not kill the keeper. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "vmgend-keeper");
	/* What the hook leaves behind stays a descendant, so that it can be ended. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return end_fd < 0 ? -errno : arrange_descriptors(report_fd, lock_fd, order_fd, end_fd);
}

/* order_fd: -1: it begins at once. Returns 0 in the child, else as fork(2). */
static pid_t fork_keeper(int report_fd, int lock_fd, int order_fd)
{
	pid_t parent = getpid(), pid;
	sigset_t all, before;
	int error;

	/* A handler of the daemon must not run in the keeper. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid) {
		if (order_fd >= 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent))
			_exit(1);
		if (become_keeper(report_fd, lock_fd, order_fd))
			_exit(1);
		return 0;
	}
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

static int start(const struct job *job, int lock_fd, bool hold, struct keeper *ret_keeper)
{
	int report_fds[2], order_fds[2] = { -1, -1 }, r = 0;
	pid_t pid;

	if (pipe2(report_fds, O_CLOEXEC))
		return -errno;
	if (hold && pipe2(order_fds, O_CLOEXEC)) {
		r = -errno;
		goto err_report;
	}
	pid = fork_keeper(report_fds[1], lock_fd, order_fds[0]);
	if (!pid) {
		if (hold)
			keep_held(job);
		keep(job);
	}
	r = pid < 0 ? -errno : 0;
	if (hold)
		close(order_fds[0]);
	if (r)
		goto err_order;
	close(report_fds[1]);
	*ret_keeper = (struct keeper){
		.pid = pid, .report_fd = report_fds[0], .order_fd = order_fds[1],
	};
	return 0;

err_order:
	if (hold)
		close(order_fds[1]);
err_report:
	close(report_fds[0]);
	close(report_fds[1]);
	return r;
}

int keeper_start(const struct job *job, int lock_fd, struct keeper *ret_keeper)
{
	return start(job, lock_fd, false, ret_keeper);
}

int keeper_hold(const struct job *job, struct keeper *ret_keeper)
{
	return start(job, -1, true, ret_keeper);
}

int keeper_release(struct keeper *keeper, const struct keeper_order *order)
{
	/* A pipe takes it whole or not at all. */
	int r = write(keeper->order_fd, order, sizeof(*order)) < 0 ? -errno : 0;

	close(keeper->order_fd);
	keeper->order_fd = -1;
	return r;
}

void keeper_give_up(struct keeper *keeper)
{
	/* It ends when it hears that nobody can order anything any more. */
	close(keeper->order_fd);
	close(keeper->report_fd);
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
		report = (struct keeper_report){
			.result.outcome = OUTCOME_LOST, .record_error = -EPIPE,
		};
		snprintf(report.result.name, sizeof(report.result.name), "%s", name);
	}
	close(keeper->report_fd);
	keeper->report_fd = -1;
	*ret_report = report;
	/* It was the keeper's address. */
	ret_report->result.output = *report.output ? ret_report->output : NULL;
	return 0;
}
