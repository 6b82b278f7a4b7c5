/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The hooks of MACsec, with a kernel and files that are played, and processes that are stopped.
 */
#ifndef PLAYED_MACSEC_H
#define PLAYED_MACSEC_H

#include "secy.h"

#include "base/paths.h"
#undef PATH_RUNTIME_DIR
static char runtime_directory[64];
#define PATH_RUNTIME_DIR runtime_directory
#include "hooks/supplicant.c"

static int played_sleep(const struct timespec *duration);
#define nanosleep(duration, left) played_sleep(duration)
static int64_t played_deadline(int ms);
#define deadline_in(ms) played_deadline(ms)
#define deadline_left(deadline) ((void)(deadline), played_left())
static int played_left(void);
int guard_main(int argc, char **argv);
#define main guard_main
#include "hooks/macsec.c"
#undef main
#undef nanosleep
#undef deadline_in
#undef deadline_left

#include <sys/prctl.h>
#include <sys/wait.h>

#include "printed.h"
#include "scratch.h"
#include "tap.h"

/* Two of wpa_supplicant: the first listens below the interface, the second looks after WiFi. */
enum { MACSEC, WIFI, DAEMONS };

static struct {
	pid_t pid;
	uint64_t inode;
	bool stopped;
} daemons[DAEMONS];

static struct {
	int stopped, continued, signal_error, walk_error, left;
	/* How long the hook waits first; after the second wait there are so many keys. */
	int silence;
	unsigned int keys_then;
	bool untrusted, absent, restarts;
	/* A further name space; how often a daemon was stopped before that was looked at. */
	const struct netns *nested;
	int stopped_before_walk;
	/* Called when the hook waits, and when a daemon goes on. */
	void (*waits)(void), (*goes_on)(void);
} around;

/* ---- what else the guard has to do with ---------------------------------------------------- */

int standby_wait(void)
{
	return 0;
}

static int played_sleep(const struct timespec *duration)
{
	(void)duration;
	if (around.waits)
		around.waits();
	if (around.continued)
		kernel.interfaces[0].keys = around.keys_then;
	return 0;
}

static int64_t played_deadline(int ms)
{
	around.left = 5;
	if (!around.silence)
		around.silence = ms;
	return 0;
}

static int played_left(void)
{
	return around.left > 0 ? around.left-- : 0;
}

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	(void)limit_ms;
	around.stopped_before_walk = around.stopped;
	visitor->visit(&(struct netns){ .name = "" }, visitor->context);
	if (around.nested)
		visitor->visit(around.nested, visitor->context);
	return around.walk_error;
}

int program_open(const char *path, struct program *ret_program)
{
	(void)ret_program;
	return strcmp(path, "/sbin/wpa_supplicant") ? -ENOENT : around.untrusted ? -EPERM : 0;
}

void program_close(struct program *program)
{
	(void)program;
}

void process_release(struct process *process)
{
	(void)process;
}

static int find_daemon(pid_t pid)
{
	int i;

	for (i = 0; i < DAEMONS; i++)
		if (daemons[i].pid == pid)
			break;
	return i;
}

int process_hold(pid_t pid, const struct program *program, uid_t also, struct process *ret_process)
{
	(void)program;
	(void)also;
	if (around.absent || find_daemon(pid) == DAEMONS)
		return -ESRCH;
	/* There is another one until it was told to go on. */
	if (around.restarts && (pid == daemons[MACSEC].pid) != (around.continued > 0))
		return -ESRCH;
	*ret_process = (struct process){ .pid = pid, .fd = -1 };
	return 0;
}

static void signal_daemon(int which, int number)
{
	int status;

	if (daemons[which].stopped == (number == SIGSTOP))
		return;
	daemons[which].stopped = number == SIGSTOP;
	if (kill(daemons[which].pid, number) ||
	    waitpid(daemons[which].pid, &status, WUNTRACED | WCONTINUED) < 0)
		scratch_give_up("signal");
}

int process_signal(const struct process *process, int number)
{
	int which = find_daemon(process->pid);

	if (around.signal_error)
		return around.signal_error;
	around.stopped += number == SIGSTOP && !daemons[which].stopped;
	around.continued += number == SIGCONT && daemons[which].stopped;
	signal_daemon(which, number);
	if (number == SIGCONT && around.goes_on)
		around.goes_on();
	return 0;
}

static void start_daemons(void)
{
	struct stat st;
	int i, fd;

	scratch_create();
	snprintf(runtime_directory, sizeof(runtime_directory), "%s", scratch_path("run"));
	for (i = 0; i < DAEMONS; i++) {
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		if (fd < 0 || fstat(fd, &st))
			scratch_give_up("socket");
		daemons[i].inode = st.st_ino;
		daemons[i].pid = fork();
		if (daemons[i].pid < 0)
			scratch_give_up("fork");
		if (!daemons[i].pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		close(fd);
	}
}

static void end_daemons(void)
{
	for (int i = 0; i < DAEMONS; i++)
		kill(daemons[i].pid, SIGKILL);
}

static void begin(const uint8_t *id)
{
	static char packets[256];

	play(id);
	snprintf(packets, sizeof(packets), HEADER "0 3 2 888e 7 1 0 0 %llu\n0 3 2 0003 7 1 0 0 %llu\n",
		 (unsigned long long)daemons[MACSEC].inode, (unsigned long long)daemons[WIFI].inode);
	kernel.packets = packets;
	for (int i = 0; i < DAEMONS; i++)
		signal_daemon(i, SIGCONT);
	memset(&around, 0, sizeof(around));
	is_ended = 0;
	setenv("VMGEN_GENERATION", "7", 1);
	if (supplicants_note(6))
		scratch_give_up("note");
}

static char said[8192];

static int run_guard(const char *name, const char *event)
{
	char *argv[] = { (char *)name, NULL };
	int r;

	if (event)
		setenv("VMGEN_EVENT", event, 1);
	else
		unsetenv("VMGEN_EVENT");
	printed_begin();
	r = guard_main(1, argv);
	printed_end(said, sizeof(said));
	return r;
}

#define GUARD "/usr/lib/vmgen/hooks.d/10-macsec"
#define MANUAL "/usr/lib/vmgen/hooks.d/10-macsec-manual"
#define REPAIR "/usr/lib/vmgen/hooks.d/50-macsec"

#endif /* PLAYED_MACSEC_H */
