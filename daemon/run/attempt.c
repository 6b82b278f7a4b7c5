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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.h"
#include "base/compat.h"
#include "base/deadline.h"
#include "base/log.h"
#include "environment.h"
#include "process/cgroup.h"
#include "process/process.h"
#include "supervision.h"

struct attempt {
	struct cgroup cgroup;
	/* As whom; NULL: as root. */
	struct account *account, found;
	/* Of the checked file, and what that was like. */
	int fd;
	struct stat st;
	/* In memory that the child shares: it is filled in when it has to go. */
	struct environment *environment;
	struct process process;
	bool stands_by;
};

enum {
	EXIT_NOT_APPLICABLE = 77,
	/* More than a pipe holds whose size nobody has raised. */
	PIPE_LIMIT = 1 << 17,
};

static const struct log_fields unusable = {
	.message = MESSAGE_HOOK_FAILED, .outcome = "unusable",
};
static const struct log_fields not_ready;

/* Nothing runs before the change, and until then somebody may fix it. */
#define log_problem(job, format, ...) \
	log_event((job)->run ? LOG_ERR : LOG_NOTICE, (job)->run ? &unusable : &not_ready, \
		  "%s: %s: " format, (job)->hook->name, \
		  (job)->run ? "not run" : "not ready for a change", __VA_ARGS__)

static void set_outcome(struct hook_result *result, enum supervision_end how, const siginfo_t *end)
{
	if (how == SUPERVISION_TIMED_OUT) {
		result->outcome = OUTCOME_TIMED_OUT;
	} else if (how == SUPERVISION_SUPERSEDED) {
		result->outcome = OUTCOME_LOST;
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
	const struct log_fields fields = {
		.message = outcome_settled(result->outcome) ? MESSAGE_HOOK_DONE : MESSAGE_HOOK_FAILED,
		.outcome = outcome_name(result->outcome),
	};
	const char *name = result->name;

	switch (result->outcome) {
	case OUTCOME_SUCCEEDED:
		log_event(LOG_INFO, &fields, "%s: succeeded after %" PRIu64 " ms", name,
			  result->duration_ms);
		break;
	case OUTCOME_NOT_APPLICABLE:
		log_event(LOG_INFO, &fields, "%s: does not apply here (exit status %d)", name,
			  EXIT_NOT_APPLICABLE);
		break;
	case OUTCOME_FAILED:
		log_event(LOG_ERR, &fields,
			  "%s: failed with exit status %d; its output above may say why", name,
			  result->status);
		break;
	case OUTCOME_KILLED:
		log_event(LOG_ERR, &fields,
			  "%s: killed by signal %d (SIG%s), not by vmgend; dmesg may show why",
			  name, result->status, sigabbrev_np(result->status) ?: "?");
		break;
	case OUTCOME_TIMED_OUT:
		log_event(LOG_ERR, &fields,
			  "%s: still ran after %u s, so vmgend ended all its processes; fix it, or raise timeout in %s/%s.conf",
			  name, job->settings->timeout_sec, job->config->hook_settings_dir, name);
		break;
	case OUTCOME_LOST:
		log_notice("%s: ended, because it starts again for a newer change", name);
		break;
	case OUTCOME_UNUSABLE:
		/* Told where it was found. */
		break;
	}
}

bool attempt_is_shortage(int r)
{
	return r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static void log_unusable(const struct job *job, int error)
{
	const struct hook *hook = job->hook;
	const char *remedy = "";

	if (error == -ENOENT)
		remedy = "; the interpreter that its first line names, or its ELF loader, does not exist";
	else if (error == -ENOEXEC)
		remedy = "; a script needs #! and its interpreter in its first line";
	else if (error == -ETIMEDOUT)
		remedy = "; the disk that it or its interpreter is on does not answer";
	else if (attempt_is_shortage(error))
		remedy = "; vmgend tries again until its timeout";
	else if (error == -EACCES)
		remedy = "; its user may not execute it or its interpreter, or their file system is mounted noexec";
	log_problem(job, "cannot execute %s/%s: %s%s", hook->directory, hook->name,
		    strerror(-error), remedy);
}

/* Opens the hook, and finds out as whom it is run. */
static int check(const struct job *job, struct attempt *attempt)
{
	char reason[HOOK_REASON_SIZE];
	const char *user = job->settings->user;
	unsigned int limit_ms = job->settings->timeout_sec * 1000;
	char text[ACCOUNT_ERROR_SIZE];
	int r;

	r = hook_open(job->hook, &attempt->fd, reason);
	if (!r && fstat(attempt->fd, &attempt->st)) {
		r = -errno;
		snprintf(reason, sizeof(reason), "%s", strerror(-r));
	}
	if (r) {
		log_problem(job, "%s", reason);
		return r;
	}
	if (!*user)
		return 0;
	r = account_find(user, limit_ms, &attempt->found);
	if (r)
		log_problem(job, "user \"%s\" of %s/%s.conf: %s", user,
			    job->config->hook_settings_dir, job->hook->name,
			    account_strerror(r, limit_ms, text));
	else
		attempt->account = &attempt->found;
	return r;
}

static ssize_t pack(const struct record *run, const struct hook *hook,
		    char ret_packet[static ENVIRONMENT_PACKET_SIZE])
{
	struct environment environment;

	environment_init(&environment, run, hook, NULL);
	return environment_pack(&environment, ret_packet);
}

/* waits: it is executed at once, and hears of the change later. */
static int stand_by(const struct job *job, struct attempt *attempt, bool waits)
{
	static const struct record nothing = { .event = EVENT_NONE };
	struct environment *environment = attempt->environment;
	char packet[ENVIRONMENT_PACKET_SIZE];
	int r;

	r = process_prepare(&(struct program){
		.fd = attempt->fd, .argv = environment->argv, .envp = environment->envp,
		.account = attempt->account, .cgroup_fd = attempt->cgroup.fd, .waits = waits,
	}, &attempt->process);
	if (r)
		log_unusable(job, r);
	attempt->stands_by = !r;
	/* A rehearsal: what is done for the first time takes ten times as long. */
	environment_init(environment, &nothing, job->hook, attempt->account);
	if (r || !waits)
		return r;
	(void)pack(&nothing, job->hook, packet);
	environment_init_standby(environment, job->hook);
	process_begin(&attempt->process);
	return 0;
}

/*
 * Is the hook to be executed before the change? Not as another user, who could stop it, or
 * take its limits away.
 */
static bool is_to_wait(const struct job *job, const struct attempt *attempt)
{
	return !job->run && job->settings->standby && !attempt->account;
}

/* What an earlier run left goes on, and does not cost this one its cgroup. */
static void tell_earlier(const char *hook)
{
	char text[LEFTOVER_TEXT_SIZE];
	struct leftover left;

	if (!cgroup_clear(hook, &left) && left.n_processes)
		log_notice("%s: %zu processes of an earlier run are still running: %s", hook,
			   left.n_processes, leftover_text(&left, text));
}

static bool create_cgroup(const char *hook, struct cgroup *ret_cgroup)
{
	int r;

	tell_earlier(hook);
	r = cgroup_create(hook, ret_cgroup);
	if (r && r != -EOPNOTSUPP)
		log_warning("%s: cannot make a cgroup for it: %s", hook, strerror(-r));
	return !r;
}

int attempt_prepare(const struct job *job, struct attempt **ret_attempt)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	int r;

	if (!attempt)
		return -ENOMEM;
	attempt->fd = -1;
	attempt->process.input_fd = -1;
	/* Without a cgroup it takes longer to end it, and that is all. */
	if (!create_cgroup(job->hook->name, &attempt->cgroup))
		attempt->cgroup.fd = -1;
	r = check(job, attempt);
	if (!r) {
		attempt->environment = mmap(NULL, sizeof(*attempt->environment),
					    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		r = attempt->environment == MAP_FAILED ? -errno : 0;
	}
	if (!r)
		r = stand_by(job, attempt, is_to_wait(job, attempt));
	if (r) {
		attempt_free(attempt);
		return r;
	}
	*ret_attempt = attempt;
	return 0;
}

/* Of a hook that was executed before there was a change, and may have left its session. */
static void kill_cgroup(const struct attempt *attempt)
{
	if (attempt->process.begun && attempt->cgroup.fd >= 0)
		(void)cgroup_kill(attempt->cgroup.fd);
}

static void log_early_end(const struct job *job, const siginfo_t *end)
{
	bool exited = end->si_code == CLD_EXITED;

	/* It had nothing to wait for, or does not know how. */
	log_event(exited && (!end->si_status || end->si_status == EXIT_NOT_APPLICABLE) ?
		  LOG_INFO : LOG_WARNING, &not_ready,
		  "%s: ended while it stood by (%s %d); it is started again at the change",
		  job->hook->name, exited ? "exit status" : "signal", end->si_status);
}

/* Once only: what ends at once would do so again and again. */
static void replace(const struct job *job, struct attempt *attempt)
{
	struct output output = { .name = job->hook->name };
	siginfo_t end = { .si_code = 0 };
	int fd = -1, r;

	kill_cgroup(attempt);
	r = process_take(&attempt->process, &fd, &end);
	/* Its end is somebody else's, who traces it; so it is found to be gone at the change. */
	if (r == -EAGAIN)
		return;
	attempt->stands_by = false;
	if (r) {
		log_unusable(job, r);
	} else {
		(void)output_pump(&output, fd, PIPE_LIMIT);
		close(fd);
		output_finish(&output);
		log_early_end(job, &end);
	}
	(void)stand_by(job, attempt, false);
}

void attempt_watch(const struct job *job, struct attempt *attempt, int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN }, { .fd = attempt->process.pid_fd, .events = POLLIN },
	};

	if (!attempt->stands_by || !attempt->process.begun)
		return;
	while (poll(fds, 2, -1) <= 0)
		;
	if (!fds[0].revents)
		replace(job, attempt);
}

struct attempt *attempt_free(struct attempt *attempt)
{
	if (!attempt)
		return NULL;
	if (attempt->stands_by) {
		kill_cgroup(attempt);
		process_abandon(&attempt->process);
	} else if (attempt->process.input_fd >= 0) {
		close(attempt->process.input_fd);
	}
	if (attempt->environment && attempt->environment != MAP_FAILED)
		(void)munmap(attempt->environment, sizeof(*attempt->environment));
	if (attempt->account)
		account_clear(attempt->account);
	if (attempt->fd >= 0)
		close(attempt->fd);
	if (attempt->cgroup.fd >= 0)
		cgroup_release(&attempt->cgroup);
	free(attempt);
	return NULL;
}

/* A new file in its place changes the number of its names, and so its ctime. */
bool attempt_is_fresh(const struct attempt *attempt)
{
	const struct stat *then = &attempt->st;
	struct stat now;

	return !fstat(attempt->fd, &now) && now.st_dev == then->st_dev &&
	       now.st_ino == then->st_ino && now.st_mode == then->st_mode &&
	       now.st_uid == then->st_uid && now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

/* Not before it is executed: room is made for much output. Returns 0 or -ESRCH. */
static int supervise(const struct job *job, const struct attempt *attempt, int64_t start,
		      int end_fd, struct hook_result *ret_result,
		      char ret_output[static OUTPUT_EXCERPT_SIZE])
{
	struct supervision hook = {
		.hook = job->hook->name,
		.process = attempt->process,
		.cgroup_fd = attempt->cgroup.fd,
		.end_fd = end_fd,
		.deadline_ms = start + job->settings->timeout_sec * INT64_C(1000),
		.grace_ms = job->config->kill_grace_ms,
		.output.name = job->hook->name,
	};
	enum supervision_end how = supervision_run(&hook);

	if (how == SUPERVISION_ENDED && process_missed(&attempt->process)) {
		log_early_end(job, &hook.end);
		return -ESRCH;
	}
	output_tail(&hook.output, ret_output);
	ret_result->duration_ms = deadline_in(0) - start;
	set_outcome(ret_result, how, &hook.end);
	log_result(job, ret_result);
	return 0;
}

int attempt_run(const struct job *job, struct attempt *attempt, int end_fd,
		struct hook_result *ret_result, char ret_output[static OUTPUT_EXCERPT_SIZE])
{
	int64_t start = deadline_in(0);
	char packet[ENVIRONMENT_PACKET_SIZE];
	ssize_t size = 0;
	int r;

	if (attempt->process.begun)
		size = pack(job->run, job->hook, packet);
	else
		environment_init(attempt->environment, job->run, job->hook, attempt->account);
	if (!attempt->stands_by || size < 0)
		return -ESRCH;
	attempt->stands_by = false;
	r = process_go(&attempt->process, packet, size, job->settings->timeout_sec * 1000);
	if (r == -ESRCH)
		return r;
	ret_result->outcome = OUTCOME_UNUSABLE;
	ret_result->status = 0;
	if (!r)
		return supervise(job, attempt, start, end_fd, ret_result, ret_output);
	log_unusable(job, r);
	return r == -ETIMEDOUT ? r : 0;
}
