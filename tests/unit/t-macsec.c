/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What 10-macsec, 10-macsec-manual and 50-macsec do and say, with a kernel, processes and files that are played.
 */
#include "secy.h"

static int played_sleep(const struct timespec *duration);
#define nanosleep(duration, left) played_sleep(duration)
static int64_t played_deadline(void);
#define deadline_in(ms) played_deadline()
#define deadline_left(deadline) ((void)(deadline), played_left())
static int played_left(void);
int guard_main(int argc, char **argv);
#define main guard_main
#include "hooks/macsec.c"
#undef main
#undef nanosleep
#undef deadline_in
#undef deadline_left

#include "tap.h"

static struct {
	int stopped, continued, signal_error, walk_error, left;
	/* Seconds that the hook waits; then there are so many keys. */
	time_t silent;
	unsigned int keys_then;
	bool untrusted, nested;
} around;

/* ---- what else the guard has to do with ---------------------------------------------------- */

int standby_wait(void)
{
	return 0;
}

static int played_sleep(const struct timespec *duration)
{
	around.silent += duration->tv_sec;
	if (around.continued)
		kernel.interfaces[0].keys = around.keys_then;
	return 0;
}

static int64_t played_deadline(void)
{
	around.left = 5;
	return 0;
}

static int played_left(void)
{
	return around.left > 0 ? around.left-- : 0;
}

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	(void)limit_ms;
	visitor->visit(&(struct netns){ .name = around.nested ? "blue" : "" }, visitor->context);
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

int process_hold(pid_t pid, const struct program *program, uid_t also, struct process *ret_process)
{
	(void)program;
	(void)also;
	if (pid != getpid())
		return -ESRCH;
	*ret_process = (struct process){ .pid = pid, .fd = -1 };
	return 0;
}


int process_signal(const struct process *process, int number)
{
	(void)process;
	around.stopped += number == SIGSTOP;
	around.continued += number == SIGCONT;
	return around.signal_error;
}

static void begin(const uint8_t *id)
{
	play(id);
	memset(&around, 0, sizeof(around));
}

static char said[8192];

static int run_guard(const char *name, const char *event)
{
	FILE *own = stdout, *file = fmemopen(said, sizeof(said), "w");
	char *argv[] = { (char *)name, NULL };
	int r;

	if (event)
		setenv("VMGEN_EVENT", event, 1);
	else
		unsetenv("VMGEN_EVENT");
	memset(said, 0, sizeof(said));
	stdout = file;
	r = guard_main(1, argv);
	stdout = own;
	fclose(file);
	return r;
}

#define GUARD "/usr/lib/vmgen/hooks.d/10-macsec"
#define MANUAL "/usr/lib/vmgen/hooks.d/10-macsec-manual"
#define REPAIR "/usr/lib/vmgen/hooks.d/50-macsec"

static void test_guard(void)
{
	begin(of_mka);
	equal(run_guard(GUARD, "changed"), 0, "the guard deletes what MKA agreed");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 sender3.1 "
		   "off3.0 del3.0 off3.1 del3.1 sender3.1 "),
	   "each key is off before it is deleted, then each sender; and all once more");
	equal(around.stopped, 1, "in between it stops the daemon");
	ok(!strcmp(said, "macsec0: sends nothing until it has new keys\n"), "it says so");
	begin(of_mka);
	kernel.grows = true;
	kernel.interfaces[1] = (struct played){ 5, "macsec1", of_mka, 1, 0, 0, false, false };
	equal(run_guard(GUARD, "changed"), 0, "one that appears meanwhile");
	ok(strstr(kernel.asked, "off5.0 del5.0"), "is deleted too");
}

static void test_manual(void)
{
	begin(by_hand);
	equal(run_guard(GUARD, "changed"), 77, "keys by hand are not the guard's");
	ok(!*kernel.asked && !around.stopped, "nothing is changed");
	ok(!strncmp(said, "macsec0: its keys, which nothing replaces, are left to 10-macsec-manual\n", 72),
	   "they are named");
	equal(run_guard(MANUAL, "changed"), 0, "the hook for them deletes them");
	ok(!strcmp(kernel.asked, "off3.0 del3.0 off3.1 del3.1 "), "once, and no sender");
	ok(!around.stopped && strstr(said, "ip macsec add macsec0 tx sa 0 pn 1 on key ID KEY\n"),
	   "no daemon is stopped, and it says how to give others");
	begin(by_hand);
	equal(run_guard(MANUAL, "test"), 0, "a drill says that they would be");
	ok(!*kernel.asked && !strcmp(said, "macsec0: would delete its keys\n"), "and does nothing");
	begin(of_mka);
	equal(run_guard(MANUAL, "changed"), 77, "those of MKA it leaves alone");
	ok(!*kernel.asked && !strstr(said, "macsec0"), "without a word");
	around.nested = true;
	equal(run_guard(GUARD, "changed"), 77, "of MKA in another name space: as by hand");
	ok(!*kernel.asked && !around.stopped, "the guard leaves them alone");
	ok(!strncmp(said, "macsec0, network name space blue: its keys", 42), "and names them");
	equal(run_guard(MANUAL, "changed"), 0, "the other hook does not");
	ok(*kernel.asked && !strncmp(said, "macsec0, network name space blue: sends nothing", 47), "said with its name");
	begin(of_mka);
	kernel.interfaces[1] = (struct played){ 5, "macsec1", by_hand, 1, 0, 0, false, false };
	kernel.n = 2;
	equal(run_guard(GUARD, "changed"), 0, "one of either kind");
	ok(!strstr(kernel.asked, "5.0"), "each hook has its own");
	ok(strstr(said, "until it has new keys\nmacsec1: its keys, which"), "what is left is named at last, and once");
	kernel.asked[0] = '\0';
	equal(run_guard(MANUAL, "changed"), 0, "that by hand too");
	ok(!strcmp(kernel.asked, "off5.0 del5.0 "), "and nothing else");
}

static void test_agree(void)
{
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	around.keys_then = 1;
	equal(run_guard(REPAIR, "changed"), 0, "a daemon that goes on agrees on keys");
	ok(around.stopped == 1 && around.continued == 1, "it is stopped, and goes on");
	equal(around.silent, 8, "in between it is silent for longer than the others wait");
	ok(!strcmp(kernel.asked, "sender3.1 "), "and has no senders left");
	ok(!strcmp(said, "new keys are agreed on\n"), "this is said when there are keys");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	equal(run_guard(REPAIR, "changed"), 1, "there are none, and the wait has an end");
	ok(!strncmp(said, "macsec0 has no new keys yet: ", 29), "that is said, with the name");
	equal(around.continued, 1, "the daemon goes on all the same");
	begin(of_mka);
	kernel.interfaces[0].keys = 0;
	equal(run_guard(REPAIR, "test"), 77, "a drill waits for nothing");
	equal(run_guard(REPAIR, "boot-changed"), 77, "nor does another event");
	ok(!around.stopped && !around.silent && !*kernel.asked, "and nothing is changed");
	begin(of_mka);
	equal(run_guard(REPAIR, "changed"), 77, "it has its keys");
	begin(by_hand);
	equal(run_guard(REPAIR, "changed"), 77, "keys by hand: there is no daemon");
	begin(by_hand);
	kernel.interfaces[0].keys = 0;
	kernel.interfaces[0].received = 1;
	equal(run_guard(REPAIR, "changed"), 77, "nor where such keys were deleted");
	equal(run_guard(GUARD, "changed"), 77, "and the guard sees none");
	kernel.n = 0;
	equal(run_guard(REPAIR, "changed"), 77, "there is no interface");
	kernel.family_error = -ENOENT;
	equal(run_guard(REPAIR, "changed"), 77, "no MACsec in the kernel");
	kernel.family_error = -ETIMEDOUT;
	equal(run_guard(REPAIR, "changed"), 1, "a kernel that does not answer");
	ok(!around.stopped, "nothing is stopped");
}

static void test_nothing(void)
{
	begin(of_mka);
	equal(run_guard(GUARD, "test"), 0, "a drill succeeds");
	ok(!*kernel.asked && !around.stopped && !strcmp(said, "macsec0: would delete its keys\n"),
	   "and changes nothing");
	equal(run_guard(GUARD, "boot-changed"), 77, "at another event there is nothing to do");
	equal(run_guard(GUARD, NULL), 77, "without one neither");
	ok(!*kernel.asked, "and nothing is asked");
	kernel.n = 0;
	equal(run_guard(GUARD, "changed"), 77, "there is no interface");
	kernel.family_error = -ENOENT;
	equal(run_guard(GUARD, "changed"), 77, "no MACsec in the kernel");
	kernel.open_error = -EPROTONOSUPPORT;
	equal(run_guard(GUARD, "changed"), 77, "no netlink");
}

static void test_failures(void)
{
	begin(of_mka);
	kernel.delete_error = -ENODEV;
	equal(run_guard(GUARD, "changed"), 0, "what is gone already is no error");
	kernel.delete_error = -EPERM;
	equal(run_guard(GUARD, "changed"), 1, "what may not be deleted is one");
	ok(strstr(said, "macsec0: its keys cannot be deleted: Operation not permitted; to stop it: ip link set macsec0 down\n"),
	   "with a remedy");
	begin(of_mka);
	kernel.interfaces[0].name = "a\x1b]b";
	kernel.delete_error = -EPERM;
	run_guard(GUARD, "changed");
	ok(!strchr(said, 0x1b) && strstr(said, "a\\x1b]b"), "a name is shown so that it is harmless");
	begin(of_mka);
	kernel.list_error = -ETIMEDOUT;
	equal(run_guard(GUARD, "changed"), 1, "a kernel that does not answer");
	begin(of_mka);
	around.walk_error = -ETIMEDOUT;
	equal(run_guard(GUARD, "changed"), 1, "name spaces that were not looked into");
	begin(of_mka);
	around.untrusted = true;
	equal(run_guard(GUARD, "changed"), 1, "a daemon that others than root can change");
	ok(!around.stopped && *kernel.asked, "goes on, without its keys");
	begin(of_mka);
	around.signal_error = -EPERM;
	equal(run_guard(GUARD, "changed"), 1, "a daemon that cannot be stopped");
}

int main(void)
{
	test_guard();
	test_manual();
	test_agree();
	test_nothing();
	test_failures();
	return tap_done();
}
