/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The OpenSSL provider in programs that lock themselves up once it is loaded: they
 * close what they have not opened, leave the file system, their user or most system
 * calls behind. Bytes go on to come; where a change can no longer be asked for, with
 * an error, and none of them from before.
 */
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/compat.h"
#include "loaded.h"

/* What a child reports. */
enum { DRAWN, REFUSED, OLD_BYTES };

static struct loaded l;
static unsigned char bytes[64];

static int draw(void)
{
	unsigned char before[sizeof(bytes)], zeros[sizeof(bytes)] = { 0 };

	memcpy(before, bytes, sizeof(bytes));
	if (RAND_bytes_ex(l.context, bytes, sizeof(bytes), 0) == 1)
		return DRAWN;
	return memcmp(bytes, zeros, sizeof(bytes)) && memcmp(bytes, before, sizeof(bytes)) ?
		REFUSED : OLD_BYTES;
}

/* Runs a program that has the provider loaded. Returns what it reports, or its signal. */
static int in_child(int (*program)(void), bool privileged)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		kernel_has_vmgenid();
		kernel.node.unwritable = privileged ? 0 : -EPERM;
		l = load();
		/* Makes the generators. */
		if (draw() != DRAWN)
			_exit(100);
		/* Before a function that does not return AddressSanitizer calls the system. */
		__real_syscall(SYS_exit_group, program());
	}
	if (waitpid(pid, &status, 0) != pid)
		scratch_give_up("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The device, which the test plays, stays. */
static void close_all(void)
{
	close_range(3, (unsigned int)kernel.node.file - 1, 0);
}

static int closes(void)
{
	close_all();
	return draw();
}

static int closes_and_is_cloned(void)
{
	close_all();
	kernel_change();
	return draw();
}

/* Each time the provider opens the device again, and has no more of it mapped. */
static int closes_often(void)
{
	unsigned long before = kernel_mapped();
	int i, r = DRAWN;

	for (i = 0; i < 50 && r == DRAWN; i++)
		r = closes_and_is_cloned();
	return r == DRAWN && kernel_mapped() != before ? 106 : r;
}

static int gives_numbers_away(void)
{
	int fd, i;

	close_all();
	for (i = 0; i < 20; i++)
		fd = open("/dev/null", O_RDONLY);
	kernel_change();
	i = draw();
	/* What it has opened is its own. */
	return fcntl(fd, F_GETFD) < 0 ? 101 : i;
}

/* There is a device to ask, and what it says vouches for nothing. */
static int closes_often_in_fips_mode(void)
{
	kernel_set_flags(VMGENID_RNG_OTHER);
	return closes_often();
}

static int gives_numbers_away_in_fips_mode(void)
{
	kernel_set_flags(VMGENID_RNG_OTHER);
	return gives_numbers_away();
}

static void leave(void)
{
	if (chroot(scratch_directory) || chdir("/") || setgroups(0, NULL) ||
	    setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(102);
}

static int leaves(void)
{
	leave();
	return draw();
}

static int leaves_and_is_cloned(void)
{
	leave();
	kernel_change();
	return draw();
}

static int leaves_all(void)
{
	close_all();
	leave();
	return draw();
}

static int leaves_all_and_is_cloned(void)
{
	close_all();
	leave();
	kernel_change();
	return draw();
}

static void allow_getrandom(unsigned int otherwise)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, otherwise),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]),
					    .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(103);
}

static int is_watched(void)
{
	allow_getrandom(SECCOMP_RET_KILL_PROCESS);
	return draw();
}

static int is_refused(void)
{
	allow_getrandom(SECCOMP_RET_ERRNO | EPERM);
	return draw();
}

static int is_refused_and_cloned(void)
{
	allow_getrandom(SECCOMP_RET_ERRNO | EPERM);
	kernel_change();
	return draw();
}

static int is_watched_and_cloned(void)
{
	allow_getrandom(SECCOMP_RET_KILL_PROCESS);
	kernel_change();
	return draw();
}

static int loses_the_device(void)
{
	calls.node = NULL;
	return draw();
}

static int loses_the_device_and_is_cloned(void)
{
	calls.node = NULL;
	kernel_change();
	return draw();
}

static void *draw_and_stay(void *arg)
{
	unsigned char mine[16];

	if (RAND_bytes_ex(l.context, mine, sizeof(mine), 0) != 1)
		_exit(104);
	pthread_barrier_wait(arg);
	for (;;)
		pause();
}

/* Ends while threads of it have generators. */
static int ends(void)
{
	pthread_barrier_t drawn;
	pthread_t thread;
	int i;

	pthread_barrier_init(&drawn, NULL, 5);
	for (i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, draw_and_stay, &drawn))
			_exit(105);
	pthread_barrier_wait(&drawn);
	exit(DRAWN);
}

static const struct {
	int (*program)(void);
	/* With the hypervisor's page, and without. */
	int privileged, unprivileged;
	const char *name;
} programs[] = {
	{ draw, DRAWN, DRAWN, "one that does nothing of the kind" },
	{ closes, DRAWN, DRAWN, "all descriptors closed" },
	{ closes_and_is_cloned, DRAWN, DRAWN, "all descriptors closed, then cloned" },
	{ closes_often, DRAWN, DRAWN, "the same fifty times" },
	{ gives_numbers_away, DRAWN, DRAWN, "other files get the numbers" },
	{ closes_often_in_fips_mode, DRAWN, DRAWN, "FIPS mode: descriptors closed, fifty times" },
	{ gives_numbers_away_in_fips_mode, DRAWN, DRAWN, "FIPS mode: other files get the numbers" },
	{ leaves, DRAWN, DRAWN, "another root and user" },
	{ leaves_and_is_cloned, DRAWN, DRAWN, "another root and user, then cloned" },
	{ leaves_all, DRAWN, REFUSED, "root, user and descriptors left" },
	{ leaves_all_and_is_cloned, REFUSED, REFUSED, "root, user and descriptors left, then cloned" },
	{ is_watched, DRAWN, -SIGSYS, "seccomp: getrandom() only, or it is killed" },
	{ is_watched_and_cloned, -SIGSYS, -SIGSYS, "the same, then cloned" },
	{ is_refused, DRAWN, REFUSED, "seccomp: getrandom() only, or an error" },
	{ is_refused_and_cloned, REFUSED, REFUSED, "the same, then cloned" },
	{ loses_the_device, DRAWN, REFUSED, "the device is gone" },
	{ loses_the_device_and_is_cloned, REFUSED, REFUSED, "the device is gone, then cloned" },
	{ ends, DRAWN, DRAWN, "it ends while threads have generators" },
};

static void test_fork(void)
{
	unsigned char child[sizeof(bytes)];
	int pipes[2];
	pid_t pid;

	kernel_has_vmgenid();
	l = load();
	draw();
	if (pipe(pipes))
		scratch_give_up("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(draw() || write(pipes[1], bytes, sizeof(bytes)) != sizeof(bytes));
	ok(read(pipes[0], child, sizeof(child)) == sizeof(child) && draw() == DRAWN &&
	   memcmp(bytes, child, sizeof(bytes)), "a child draws others than its parent");
	waitpid(pid, NULL, 0);
	unload(&l);
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

#define PERMIT(call)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What libvmgen(3) says that a guard takes, and to end. */
static void permit_guard(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		PERMIT(futex), PERMIT(gettid), PERMIT(getpid), PERMIT(madvise), PERMIT(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]),
					    .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(103);
}

/* The first guard of a program that calls the kernel for little more. */
static void test_guard(void)
{
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen *v = NULL;
	int status = -1;
	pid_t pid;

	kernel_has_vmgenid();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (vmgen_open(NULL, VMGEN_VMGENID, &v))
			_exit(100);
		permit_guard();
		status = vmgen_guard_run(v, &guard, 0, do_nothing, NULL) == 1 &&
			 vmgen_guard_run(v, &guard, 0, do_nothing, NULL) == 0;
		__real_syscall(SYS_exit_group, !status);
	}
	waitpid(pid, &status, 0);
	equal(status, 0, "seccomp: a guard takes what the manual says");
	kernel_has_none();
}

static void test_appears(void)
{
	calls.node = NULL;
	l = load();
	equal(draw(), DRAWN, "without a device");
	kernel_has_vmgenid();
	equal(draw(), DRAWN, "one that appears later does not matter");
	kernel_change();
	equal(draw(), DRAWN, "nor what it does");
	unload(&l);
}

int main(void)
{
	size_t i;

	scratch_create();
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		equal(in_child(programs[i].program, true), programs[i].privileged, programs[i].name);
		equal(in_child(programs[i].program, false), programs[i].unprivileged,
		      programs[i].name);
	}
	test_guard();
	test_fork();
	test_appears();
	return tap_done();
}
