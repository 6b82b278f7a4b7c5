/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Workers share a list of processes with this one, take one after the other from it, and
 * write down since when they are at it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"
#include "look.h"
#include "patrol.h"
#include "queue.h"

enum {
	/* At once, so that as many processes can hold one up each. */
	MAX_WORKERS = 64,
	/* And those that were killed, and hang on in the kernel, for a file of FUSE for example. */
	MAX_PLACES = 512,
	NOBODY = -1,
};

const struct patrol_limits patrol_limits = {
	.stall_ms = 20, .process_ms = 5000, .total_ms = 60000,
};

/* What a worker has done stays when it is ended. */
struct note {
	/* The process that it is at, and by when it is to be done; see deadline.h. */
	int at;
	/* Whose that is. */
	uid_t user;
	int64_t slow, due;
	/* Another has begun, so it ends when it is done with that. */
	bool leaves;
	bool done;
	uint32_t counts[TALLY_KINDS];
};

struct shared {
	struct queue queue;
	/*
	 * Of the queue: the first that nobody has taken yet. May be beyond its end. One that was
	 * killed when another patrol began may still take from the other one.
	 */
	size_t next[2];
	struct note notes[MAX_PLACES];
};

struct patrol {
	const char *proc;
	const struct patrol_limits *limits;
	struct shared *shared;
	/* 0: none; and whether it counts no more, and only its end is waited for. */
	pid_t workers[MAX_PLACES];
	bool gone[MAX_PLACES];
	/* Which one of next it is. */
	int turn;
	struct tally tally;
	int64_t deadline;
};

struct patrol *patrol_new(const char *proc, const struct patrol_limits *limits)
{
	struct patrol *patrol = calloc(1, sizeof(*patrol));

	if (!patrol)
		return NULL;
	patrol->proc = proc;
	patrol->limits = limits;
	/* There now, as memory may be short when it is needed. */
	patrol->shared = mmap(NULL, sizeof(*patrol->shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (patrol->shared != MAP_FAILED)
		return patrol;
	free(patrol);
	return NULL;
}

struct patrol *patrol_free(struct patrol *patrol)
{
	int i;

	if (!patrol)
		return NULL;
	for (i = 0; i < MAX_PLACES; i++)
		if (patrol->workers[i])
			(void)kill(patrol->workers[i], SIGKILL);
	munmap(patrol->shared, sizeof(*patrol->shared));
	free(patrol);
	return NULL;
}

/*
 * Has this user so many workers at his processes as there are at once? Some were killed, and
 * hang. Root's do for root's reasons.
 */
static bool has_enough(const struct shared *shared, uid_t user)
{
	int i, n = 0;

	for (i = 0; i < MAX_PLACES; i++)
		n += __atomic_load_n(&shared->notes[i].at, __ATOMIC_RELAXED) != NOBODY &&
		     shared->notes[i].user == user;
	return user && n >= MAX_WORKERS;
}

static void __attribute__((noreturn)) work(const struct patrol *patrol, struct note *note)
{
	struct shared *shared = patrol->shared;
	int dir_fd = open(patrol->proc, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	char name[16];
	size_t i, *next = &shared->next[patrol->turn];

	while (!__atomic_load_n(&note->leaves, __ATOMIC_RELAXED)) {
		i = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
		if (i >= shared->queue.n_pids)
			break;
		note->user = shared->queue.users[i];
		if (has_enough(shared, note->user)) {
			note->counts[TALLY_BLOCKED]++;
			continue;
		}
		note->slow = deadline_in(patrol->limits->stall_ms);
		note->due = deadline_in(patrol->limits->process_ms);
		/* Pairs with the load in look_after(): the times are of this process. */
		__atomic_store_n(&note->at, shared->queue.pids[i], __ATOMIC_RELEASE);
		snprintf(name, sizeof(name), "%d", shared->queue.pids[i]);
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			look_at_process(fd, note->counts);
			close(fd);
		}
		__atomic_store_n(&note->at, NOBODY, __ATOMIC_RELEASE);
	}
	note->done = true;
	_exit(0);
}

static bool start(struct patrol *patrol)
{
	pid_t parent = getpid(), pid;
	int i, n = 0, place = -1;

	for (i = 0; i < MAX_PLACES; i++) {
		n += patrol->workers[i] && !patrol->gone[i];
		if (!patrol->workers[i] && place < 0)
			place = i;
	}
	if (n >= MAX_WORKERS || place < 0)
		return false;
	i = place;
	patrol->shared->notes[i] = (struct note){ .at = NOBODY };
	pid = fork();
	if (!pid) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
			_exit(1);
		work(patrol, &patrol->shared->notes[i]);
	}
	if (pid > 0) {
		patrol->workers[i] = pid;
		patrol->gone[i] = false;
	}
	return pid > 0;
}

static size_t left(const struct patrol *patrol)
{
	size_t next = __atomic_load_n(&patrol->shared->next[patrol->turn], __ATOMIC_RELAXED);

	return next < patrol->shared->queue.n_pids ? patrol->shared->queue.n_pids - next : 0;
}

static void give_rest_up(struct patrol *patrol)
{
	size_t n = patrol->shared->queue.n_pids;
	size_t next = __atomic_exchange_n(&patrol->shared->next[patrol->turn], n,
					  __ATOMIC_RELAXED);

	patrol->tally.counts[TALLY_UNSEEN] += next < n ? n - next : 0;
}

/* Ends workers of an older change. Returns how many users have some hang on since then. */
static size_t end_workers(struct patrol *patrol, uid_t ret_users[MAX_PLACES])
{
	size_t n = 0;
	int i;

	for (i = 0; i < MAX_PLACES; i++) {
		if (patrol->workers[i] && waitpid(patrol->workers[i], NULL, WNOHANG))
			patrol->workers[i] = 0;
		if (!patrol->workers[i])
			patrol->shared->notes[i].at = NOBODY;
		if (patrol->workers[i] && patrol->gone[i])
			ret_users[n++] = patrol->shared->notes[i].user;
		if (patrol->workers[i])
			(void)kill(patrol->workers[i], SIGKILL);
		patrol->gone[i] = true;
	}
	return n;
}

void patrol_begin(struct patrol *patrol)
{
	struct shared *shared = patrol->shared;
	uid_t users[MAX_PLACES];
	size_t n = end_workers(patrol, users);

	patrol->tally = (struct tally){ .known = true };
	patrol->deadline = deadline_in(patrol->limits->total_ms);
	patrol->turn = !patrol->turn;
	shared->next[patrol->turn] = 0;
	patrol->tally.counts[TALLY_UNSEEN] = queue_fill(&shared->queue, patrol->proc, users, n);
	if (shared->queue.n_pids && !start(patrol))
		give_rest_up(patrol);
}

static void count(struct patrol *patrol, int i)
{
	int kind;

	for (kind = 0; kind < TALLY_KINDS; kind++)
		patrol->tally.counts[kind] += patrol->shared->notes[i].counts[kind];
	patrol->gone[i] = true;
}

/* Returns true if it is at work. */
static bool look_after(struct patrol *patrol, int i, bool over)
{
	struct note *note = &patrol->shared->notes[i];
	bool busy;

	if (!patrol->workers[i])
		return false;
	if (waitpid(patrol->workers[i], NULL, WNOHANG)) {
		patrol->workers[i] = 0;
		busy = note->at != NOBODY;
		note->at = NOBODY;
		if (patrol->gone[i])
			return false;
		/* Otherwise somebody has killed it. */
		patrol->tally.counts[TALLY_UNSEEN] += !note->done && busy;
		count(patrol, i);
		return false;
	}
	if (patrol->gone[i])
		return false;
	busy = __atomic_load_n(&note->at, __ATOMIC_ACQUIRE) != NOBODY;
	if (busy && (over || !deadline_left(note->due))) {
		/* One that hangs in the kernel even so keeps its place, and is in nobody's way. */
		(void)kill(patrol->workers[i], SIGKILL);
		patrol->tally.counts[TALLY_BLOCKED]++;
		count(patrol, i);
		return false;
	}
	if (busy && !deadline_left(note->slow))
		__atomic_store_n(&note->leaves, true, __ATOMIC_RELAXED);
	return true;
}

bool patrol_advance(struct patrol *patrol, struct tally *ret_tally)
{
	bool over = !deadline_left(patrol->deadline), busy = false, goes_on = false;
	int i;

	if (over)
		give_rest_up(patrol);
	for (i = 0; i < MAX_PLACES; i++) {
		if (!look_after(patrol, i, over))
			continue;
		busy = true;
		goes_on |= !patrol->shared->notes[i].leaves;
	}
	/* All that are at work are held up, or none is. */
	if (!goes_on && left(patrol)) {
		if (start(patrol))
			busy = true;
		else if (!busy)
			give_rest_up(patrol);
	}
	if (busy)
		return false;
	*ret_tally = patrol->tally;
	return true;
}
