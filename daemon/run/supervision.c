/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A hook that was started. It runs in the hook's keeper, which is the reaper of
 * all that the hook starts and leaves.
 */
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "process/cgroup.h"
#include "process/tree.h"
#include "supervision.h"

enum {
	/* Per look at the output, so that a hook that prints on and on still times out. */
	PUMP_SIZE = 65536,
	/* And ends of processes, so that one that starts others on and on does. */
	REAP_LIMIT = 1024,
	/* Between looks at what is left of a hook that is being ended. */
	LOOK_INTERVAL_MS = 20,
	/* For stopping it, which is done when it is sure that nothing runs. */
	STOP_LIMIT_MS = 10000,
};

/*
 * Takes the ends of children, which includes what others of the hook's processes
 * left: each holds a process ID. Returns of how many; of REAP_LIMIT, there may be more.
 */
static size_t reap(void *context)
{
	struct supervision *hook = context;
	siginfo_t end;
	size_t i;

	for (i = 0; i < REAP_LIMIT; i++) {
		end.si_pid = 0;
		if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG) || !end.si_pid)
			break;
		/* From then on its number is anybody's. */
		if (!hook->ended && end.si_pid == hook->process.pid) {
			hook->ended = true;
			hook->end = end;
		}
	}
	return i;
}

static void on_child(int signal)
{
	(void)signal;
}

/* Has SIGCHLD end a ppoll(2) with this mask, and nothing else. */
static void catch_children(sigset_t *ret_mask)
{
	const struct sigaction action = { .sa_handler = on_child };
	sigset_t child;

	(void)sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, ret_mask);
	sigdelset(ret_mask, SIGCHLD);
}

static enum supervision_end wait_for_end(struct supervision *hook)
{
	struct pollfd fds[] = {
		{ .fd = hook->process.output_fd, .events = POLLIN },
		{ .fd = hook->end_fd, .events = POLLIN },
	};
	struct timespec pause;
	int64_t left;
	sigset_t mask;
	bool more;

	catch_children(&mask);
	for (;;) {
		more = reap(hook) == REAP_LIMIT;
		if (hook->ended)
			return SUPERVISION_ENDED;
		left = deadline_left(hook->deadline_ms);
		if (!left)
			return SUPERVISION_TIMED_OUT;
		if (more)
			left = 0;
		pause = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		if (ppoll(fds, 2, &pause, &mask) <= 0)
			continue;
		if (fds[0].revents && !output_pump(&hook->output, fds[0].fd, PUMP_SIZE))
			fds[0].fd = -1;
		if (fds[1].revents)
			return SUPERVISION_SUPERSEDED;
	}
}

/* Better some of them than none, where /proc cannot be read. */
static void signal_group(const struct supervision *hook, int signal)
{
	if (!hook->ended)
		(void)kill(-hook->process.pid, signal);
}

/* Returns when none of the hook's processes is left, or the grace is over. */
static void end_with(struct supervision *hook, int signal, struct leftover *ret_left)
{
	const struct timespec pause = { .tv_nsec = LOOK_INTERVAL_MS * 1000000 };
	int64_t deadline = deadline_in(hook->grace_ms);
	struct tree tree;
	int next = signal;

	for (;;) {
		(void)reap(hook);
		if (tree_signal(next, &tree)) {
			signal_group(hook, next);
			tree = (struct tree){ .alive.n_processes = 1 };
		}
		*ret_left = tree.alive;
		if (!tree.alive.n_processes || !deadline_left(deadline))
			return;
		nanosleep(&pause, NULL);
		/* It may print before it ends. */
		(void)output_pump(&hook->output, hook->process.output_fd, PUMP_SIZE);
		/* Once is enough to ask, but what was forked meanwhile must be killed, too. */
		if (signal != SIGKILL)
			next = 0;
	}
}

/* Ends everything that the hook started, wherever it went. */
static void end_tree(struct supervision *hook, enum supervision_end how)
{
	const struct tree_reaper reaper = { .reap = reap, .context = hook };
	char text[LEFTOVER_TEXT_SIZE];
	struct leftover left;
	struct tree tree;

	/* Nobody waits for what has to end at once. */
	if (how == SUPERVISION_TIMED_OUT)
		end_with(hook, SIGTERM, &left);
	if (hook->cgroup_fd >= 0)
		(void)cgroup_kill(hook->cgroup_fd);
	/* What left the cgroup, or had none, may start others faster than they are found. */
	if (tree_stop(STOP_LIMIT_MS, &reaper, &tree))
		signal_group(hook, SIGSTOP);
	end_with(hook, SIGKILL, &left);
	(void)reap(hook);
	if (left.n_processes)
		log_error("%s: %zu of its processes could not be ended (%s): they hang in the kernel, or start others all the time",
			  hook->hook, left.n_processes, leftover_text(&left, text));
}

/* Some hooks mean to start what stays. */
static void tell_leftovers(const struct supervision *hook)
{
	char text[LEFTOVER_TEXT_SIZE];
	struct tree tree;
	siginfo_t child;

	/* All that is left is a child of this process by now, or a child's descendant. */
	if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) || tree_signal(0, &tree) ||
	    !tree.alive.n_processes)
		return;
	log_notice("%s: has ended, but %zu of its processes are still running: %s",
		   hook->hook, tree.alive.n_processes,
		   leftover_text(&tree.alive, text));
}

enum supervision_end supervision_run(struct supervision *hook)
{
	enum supervision_end how = wait_for_end(hook);

	if (how != SUPERVISION_ENDED)
		end_tree(hook, how);
	/* What it printed last; a grandchild may still hold the other end. */
	(void)output_pump(&hook->output, hook->process.output_fd, PUMP_SIZE);
	output_finish(&hook->output);
	if (how == SUPERVISION_ENDED)
		tell_leftovers(hook);
	close(hook->process.pid_fd);
	close(hook->process.output_fd);
	return how;
}
