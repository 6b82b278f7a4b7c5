/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen-changed.target. systemctl(1) asks for it in a process of its own: it can
 * reach systemd before there is a D-Bus, and nothing that it waits for can hold
 * vmgend up.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/systemd.h"
#include "process/child.h"
#include "target.h"

#define TARGET	"vmgen-changed.target"

/* For systemctl(1), so that one that hangs does not keep the next from being asked. */
enum { LIMIT_SEC = 90, EXIT_NO_SYSTEMCTL = 127 };

static void __attribute__((noreturn)) ask(unsigned int limit_sec)
{
	static const char *const argv[] = {
		"systemctl", "--no-block", "--no-ask-password", "start", TARGET, NULL,
	};

	child_reset_signals(0);
	child_become_ordinary(false);
	/* Goes on after exec. */
	alarm(limit_sec);
	execvp(argv[0], (char *const *)argv);
	log_warning("cannot start " TARGET ": systemctl: %s", strerror(errno));
	_exit(EXIT_NO_SYSTEMCTL);
}

static pid_t fork_asker(unsigned int limit_sec)
{
	sigset_t all, before;
	int error;
	pid_t pid;

	/* A handler of the daemon must not run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid)
		ask(limit_sec);
	error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -error : pid;
}

void target_start(struct target *target)
{
	pid_t pid;

	if (!systemd_runs())
		return;
	target->again = target->pid != 0;
	if (target->again)
		return;
	pid = fork_asker(target->limit_sec ?: LIMIT_SEC);
	if (pid < 0)
		log_warning("cannot start " TARGET ": %s", strerror(-pid));
	else
		target->pid = pid;
}

void target_advance(struct target *target)
{
	int status;

	if (!target->pid || waitpid(target->pid, &status, WNOHANG) != target->pid)
		return;
	target->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		log_warning("cannot start " TARGET ": systemctl did not end within %u s",
			    target->limit_sec ?: LIMIT_SEC);
	else if (status && (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_NO_SYSTEMCTL))
		log_warning("cannot start " TARGET ": systemctl says why above; is the unit installed?");
	if (target->again)
		target_start(target);
}
