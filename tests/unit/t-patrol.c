/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who comes when in the look for fork sentinels, and that a user whose processes hang in
 * the kernel for good, as those can whose files lie on his own file system, takes nobody
 * else's turn.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sentinel/patrol.h"
#include "sentinel/queue.h"
#include "scratch.h"
#include "standin.h"
#include "tap.h"

enum { PLAIN = 3, INSIDE = 3, MAKER = 65001, FIRST = 1000000, BLOCKERS = 80 };

static struct queue queue;
static pid_t pids[PLAIN + INSIDE];
/* No worker that was killed ends. */
static bool hangs;

/* Instead of libc's. */
pid_t waitpid(pid_t pid, int *status, int options)
{
	siginfo_t info = { .si_code = 0 };

	if (hangs && !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	    info.si_code == CLD_KILLED)
		return 0;
	return syscall(SYS_wait4, pid, status, options, NULL);
}

static void list(pid_t pid)
{
	struct standin standin = { .pid = pid };

	standin_list(&standin, true);
}

/* As a user who is somebody else in a name space of his own; and root in one of root's. */
static pid_t start_inside(uid_t maker, uid_t user)
{
	int made[2], mapped[2];
	char path[64], byte;
	pid_t pid;
	int fd;

	if (pipe(made) || pipe(mapped))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* SECBIT_NO_SETUID_FIXUP: not each kernel lets users make one. */
		if (prctl(PR_SET_SECUREBITS, 1 << 2) || seteuid(maker) || unshare(CLONE_NEWUSER) ||
		    write(made[1], "", 1) != 1 || read(mapped[0], &byte, 1) != 1 || setresuid(3, 3, 3) ||
		    write(made[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(made[1]);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	if (read(made[0], &byte, 1) != 1)
		scratch_give_up("a user name space");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (dprintf(fd, "3 %u 1\n", user) < 0 || write(mapped[1], "", 1) != 1 || read(made[0], &byte, 1) != 1)
		scratch_give_up("users in a user name space");
	close(fd);
	close(made[0]);
	close(mapped[0]);
	close(mapped[1]);
	return pid;
}

static pid_t start_plain(void)
{
	pid_t pid = fork();

	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* order: numbers of those in pids. */
static void comes(const int order[PLAIN + INSIDE], const uid_t *last, size_t n_last, const char *what)
{
	bool good = !queue_fill(&queue, scratch_path("proc"), last, n_last) &&
		    queue.n_pids == PLAIN + INSIDE;
	size_t i;

	for (i = 0; i < PLAIN + INSIDE; i++)
		good &= queue.pids[i] == pids[order[i]];
	if (!ok(good, "%s", what))
		for (i = 0; i < queue.n_pids; i++)
			printf("# %d of %u\n", queue.pids[i], queue.users[i]);
}

static void test_order(uid_t maker)
{
	static const int turns[] = { 0, 3, 1, 4, 2, 5 }, after[] = { 0, 1, 2, 3, 4, 5 };
	static const int each[] = { 0, 3, 4, 5, 1, 2 };
	static const uid_t maker_last[] = { 7, MAKER }, root_last[] = { 0 };
	int i;

	for (i = 0; i < PLAIN + INSIDE; i++) {
		pids[i] = i < PLAIN ? start_plain() : start_inside(maker, FIRST + i);
		list(pids[i]);
	}
	/* They may have begun again at low ones. */
	qsort(pids, PLAIN, sizeof(pids[0]), by_number);
	qsort(pids + PLAIN, INSIDE, sizeof(pids[0]), by_number);
	if (maker) {
		comes(turns, NULL, 0, "who has made a user name space has one turn for all users in it");
		comes(after, maker_last, 2, "and the last ones if some of them hang");
	} else {
		comes(each, NULL, 0, "those that root has made, as containers, have their own turns");
	}
	comes(maker ? turns : each, root_last, 1, "root is never behind others");
	for (i = 0; i < PLAIN + INSIDE; i++) {
		(void)unlink(scratch_path("proc/%d", (int)pids[i]));
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
}

/* Who opens its list of mappings waits for somebody who writes. */
static void block(uid_t user)
{
	char name[32];
	int i;

	for (i = 1; i <= BLOCKERS; i++) {
		snprintf(name, sizeof(name), "proc/%d", i);
		scratch_mkdir(name, 0755);
		if (chown(scratch_path("%s", name), user, user))
			scratch_give_up("a user");
		snprintf(name, sizeof(name), "proc/%d/smaps", i);
		if (mkfifo(scratch_path("%s", name), 0600))
			scratch_give_up("a FIFO");
	}
}

static void unblock(void)
{
	int i;

	for (i = 1; i <= BLOCKERS; i++) {
		(void)unlink(scratch_path("proc/%d/smaps", i));
		(void)rmdir(scratch_path("proc/%d", i));
	}
}

static struct tally patrol_all(struct patrol *patrol)
{
	char text[TALLY_TEXT_SIZE];
	struct tally tally = { .known = false };

	patrol_begin(patrol);
	while (!patrol_advance(patrol, &tally))
		usleep(PATROL_STEP_MS * 1000);
	printf("# %s\n", tally_text(&tally, text));
	return tally;
}

static void test_hung(uid_t user, int most)
{
	static const struct patrol_limits limits = {
		.stall_ms = 20, .process_ms = 2000, .total_ms = 60000,
	};
	char *proc = strdup(scratch_path("proc"));
	struct patrol *patrol = patrol_new(proc, &limits);
	struct standin standin = standin_start("p = pages(1); put(p, 1)\n"
				       "print('ready', flush=True)\n"
				       "for line in sys.stdin: put(p, 1); print('again', flush=True)");
	struct tally tally;
	char text[64];
	int n = 0;

	standin_list(&standin, true);
	block(user);
	hangs = true;
	tally = patrol_all(patrol);
	ok(tally.counts[TALLY_BLOCKED] == BLOCKERS && tally.counts[TALLY_ZEROED] == 1 &&
	   !tally.counts[TALLY_UNSEEN], "who comes after many that hang for good is looked at");
	(void)standin_ask(&standin, text);
	tally = patrol_all(patrol);
	ok(tally.counts[TALLY_BLOCKED] == BLOCKERS && tally.counts[TALLY_ZEROED] == 1 &&
	   !tally.counts[TALLY_UNSEEN], "also at the next change");
	hangs = false;
	patrol_free(patrol);
	free(proc);
	standin_list(&standin, false);
	standin_stop(&standin);
	unblock();
	while (waitpid(-1, NULL, 0) > 0)
		n++;
	ok(n > 0 && n <= most, "no more than %d hang in two changes: %d", most, n);
}

int main(void)
{
	scratch_create();
	scratch_mkdir("proc", 0755);
	test_order(MAKER);
	test_order(0);
	/* Root has as many as there is room for, another user no more than there are at once. */
	test_hung(0, 2 * BLOCKERS);
	test_hung(MAKER, 70);
	return tap_done();
}
