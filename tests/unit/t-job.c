/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the settings of a hook make of it: as whom it is run, when, and how
 * often it is tried.
 */
#include "base/compat.h"
#include "nss.h"
#include "rig.h"

#include <dlfcn.h>
#include <sched.h>
#include <sys/mman.h>

/* How often a keeper may not fork. */
static int *refusals;

/* Instead of libc's. */
pid_t fork(void)
{
	static pid_t (*libc_fork)(void);

	if (!libc_fork)
		libc_fork = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	if (getpid() != scratch_owner && *refusals > 0) {
		--*refusals;
		errno = EAGAIN;
		return -1;
	}
	return libc_fork();
}

static void settings(const char *name, const char *text)
{
	char path[NAME_MAX + 16], file[256];

	snprintf(path, sizeof(path), "conf/%s.conf", name);
	snprintf(file, sizeof(file), "[hook]\n%s\n", text);
	scratch_write(path, file, 0644);
}

static void told(const char *text, const char *what)
{
	if (!ok(strstr(scratch_read("log"), text), "%s", what))
		printf("# wanted: %s\n# %.3000s\n", text, scratch_read("log"));
}

static void test_user(void)
{
	static const char show[] =
		"echo \"$(id -u):$(id -g):$(id -G):$USER:$LOGNAME:$HOME:$(grep CapEff /proc/self/status | cut -f2)\"";

	clean_hooks();
	hook("10-user", show);
	settings("10-user", "user = nobody");
	hook("11-nobody", "exit 0");
	settings("11-nobody", "user = no-such-user");
	hook("12-closed", "exit 0");
	(void)chmod(scratch_path("hooks/12-closed"), 0700);
	settings("12-closed", "user = nobody");
	hook("13-root", show);
	hook("14-lost", "kill -KILL $PPID || echo may not; exit 3");
	settings("14-lost", "user = nobody");
	begin_record(EVENT_CHANGED);
	/* What root has beyond its own must not come along. */
	if (setgroups(2, (gid_t[]){ 0, 4 }))
		scratch_give_up("setgroups");
	run_hooks();
	expect("10-user", OUTCOME_SUCCEEDED, 0,
	       "10-user| 65534:65534:65534:nobody:nobody:/nonexistent:0000000000000000\n");
	expect("11-nobody", OUTCOME_UNUSABLE, 0,
	       "11-nobody.conf: there is no such user");
	expect("12-closed", OUTCOME_UNUSABLE, 0, "cannot execute");
	told("13-root| 0:0:0 4::::", "without a user it is root, as ever");
	expect("14-lost", OUTCOME_FAILED, 3, "14-lost| may not");
}

/* The bound is the hook's own, and what comes after it comes. */
static void test_name_service(void)
{
	clean_hooks();
	hook("30-ldap", "touch out-ldap");
	settings("30-ldap", "user = hangs\ntimeout = 1\nretries = 1");
	hook("20-next", "exit 0");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("30-ldap", OUTCOME_TIMED_OUT, 0,
	       "30-ldap.conf: the name service did not answer within 1 s");
	told("30-ldap: tried again", "it is tried again");
	ok(access(scratch_path("out-ldap"), F_OK), "but not run as anybody else");
	expect("20-next", OUTCOME_SUCCEEDED, 0, NULL);
}

/* Becoming another user makes the kernel forget with whom a process ends. */
static void test_orphan(void)
{
	struct run *run;
	int keeper;

	clean_hooks();
	scratch_mkdir("out-dir", 01777);
	hook("10-user", "test -e out-dir/once && exit; echo $$ $PPID >out-dir/new; mv out-dir/new out-dir/once; sleep 1000");
	settings("10-user", "user = nobody");
	begin_record(EVENT_CHANGED);
	if (run_new(&config, &record, RUN_ALL, lock_fd, &run))
		scratch_give_up("run");
	equal(run_advance(run), 1, "a hook of another user is running");
	wait_for("out-dir/once");
	keeper = atoi(strchr(scratch_read("out-dir/once"), ' '));
	(void)kill(keeper, SIGKILL);
	advance_to_end(run);
	expect("10-user", OUTCOME_SUCCEEDED, 0, NULL);
	ok(is_dead("out-dir/once"), "it does not outlive its keeper either");
}

/* Processes run out, and then there are some again; or the disk never answers. */
static void test_shortage(void)
{
	int fd;

	clean_hooks();
	hook("30-late", "exit 0");
	begin_record(EVENT_CHANGED);
	*refusals = 3;
	run_hooks();
	expect("30-late", OUTCOME_SUCCEEDED, 0, "30-late: not run: cannot execute");
	equal(*refusals, 0, "it was tried again until it could begin");
	settings("30-late", "timeout = 1");
	begin_record(EVENT_CHANGED);
	*refusals = 1000000;
	run_hooks();
	*refusals = 0;
	expect("30-late", OUTCOME_TIMED_OUT, 0, NULL);
	/* Who opens the file waits until this lease is given back. */
	fd = open(scratch_path("hooks/30-late"), O_RDWR | O_CLOEXEC);
	(void)signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK))
		scratch_give_up("lease");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("30-late", OUTCOME_TIMED_OUT, 0, "does not answer");
	close(fd);
	/* Nobody takes a guard for done that never began. */
	clean_hooks();
	hook("10-late", "exit 0");
	settings("10-late", "timeout = 1");
	begin_record(EVENT_CHANGED);
	*refusals = 1000000;
	run_hooks();
	*refusals = 0;
	expect("10-late", OUTCOME_LOST, 0, NULL);
}

/* The unit gives vmgend more than it gives to what its hooks start. */
static void test_ordinary(void)
{
	static const char show[] =
		"echo $(cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj) $(nice) $(ps -o ni= -p $PPID)";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	clean_hooks();
	hook("10-root", show);
	hook("10-user", show);
	settings("10-user", "user = nobody");
	/* tests/vm/t-debian.py has the right to set a score below 0. */
	if (pwrite(fd, "300", 3, 0) != 3 || setpriority(PRIO_PROCESS, 0, -10))
		scratch_give_up("priority");
	begin_record(EVENT_CHANGED);
	run_hooks();
	told("10-root| 300 300 0 -10\n", "a hook has the usual priority, its keeper that of vmgend");
	told("10-user| 300 300 0 -10\n", "that of another user as well");
	if (pwrite(fd, "0", 1, 0) != 1 || setpriority(PRIO_PROCESS, 0, 5))
		scratch_give_up("priority");
	begin_record(EVENT_CHANGED);
	run_hooks();
	told("10-root| 0 0 5 5\n", "who was started with less keeps that");
	if (setpriority(PRIO_PROCESS, 0, 0) ||
	    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 }))
		scratch_give_up("priority");
	hook("10-root", "echo $(ps -o cls= -p $$) $(ps -o cls= -p $PPID)");
	begin_record(EVENT_CHANGED);
	run_hooks();
	told("10-root| TS FF\n", "that of the guardian is its own");
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	close(fd);
}

static void test_retries(void)
{
	static const char *const others[] = {
		"out-slow", "10-third", "10-never", "10-once", "10-skip", "10-killed", "10-bad", NULL,
	};

	clean_hooks();
	hook("10-third", "echo >>out-third; [ $(wc -l <out-third) -eq 3 ]");
	settings("10-third", "retries = 5");
	hook("10-never", "echo >>out-never; exit 4");
	settings("10-never", "retries = 2");
	hook("10-once", "echo >>out-once; exit 5");
	hook("10-skip", "echo >>out-skip; exit 77");
	settings("10-skip", "retries = 2");
	hook("10-killed", "echo >>out-killed; [ $(wc -l <out-killed) -eq 2 ] || kill -KILL $$");
	settings("10-killed", "retries = 1");
	hook("10-slow", "echo >>out-slow; [ $(wc -l <out-slow) -eq 2 ] || sleep 1000");
	settings("10-slow", "retries = 1\ntimeout = 600");
	scratch_write("hooks/10-bad", "#!/nonexistent/interpreter\n", 0755);
	settings("10-bad", "retries = 2");
	begin_record(EVENT_CHANGED);
	run_hooks_until(others);
	expect("10-third", OUTCOME_SUCCEEDED, 0, "10-third: tried again after 50 ms (2 of 5)");
	equal(strlen(scratch_read("out-third")), 3, "tried until it succeeds");
	expect("10-never", OUTCOME_FAILED, 4, "10-never: tried again after 50 ms (2 of 2)");
	equal(strlen(scratch_read("out-never")), 3, "tried as often as it may be");
	expect("10-once", OUTCOME_FAILED, 5, NULL);
	equal(strlen(scratch_read("out-once")), 1, "by default that is once");
	expect("10-skip", OUTCOME_NOT_APPLICABLE, 0, NULL);
	equal(strlen(scratch_read("out-skip")), 1, "what does not apply is not tried again");
	expect("10-killed", OUTCOME_SUCCEEDED, 0, NULL);
	expect("10-slow", OUTCOME_SUCCEEDED, 0, "10-slow: still ran after 600 s");
	expect("10-bad", OUTCOME_UNUSABLE, 0, NULL);
	ok(!strstr(scratch_read("log"), "10-bad: tried again"), "nor what cannot be run");
}

/* A newer change came, or the daemon stops. */
static void test_calling_off(void)
{
	struct run *run;

	clean_hooks();
	hook("30-waits", "touch out-waits");
	settings("30-waits", "jitter = 86400");
	hook("30-fails", "touch out-fails; until [ -e out-go ]; do sleep 0.01; done; echo >>out-fails; exit 6");
	settings("30-fails", "retries = 10");
	hook("40-next", "touch out-next");
	begin_record(EVENT_CHANGED);
	config.retry_pause_ms = 1000000;
	if (run_new(&config, &record, RUN_ALL, lock_fd, &run))
		scratch_give_up("run");
	equal(run_advance(run), 2, "one hook waits for its moment, one is running");
	ok(run_limit(run) >= 86400 + config.hook_timeout_sec, "that may take so long");
	wait_for("out-fails");
	run_stop(run);
	scratch_write("out-go", "", 0600);
	advance_to_end(run);
	config.retry_pause_ms = 50;
	ok(access(scratch_path("out-waits"), F_OK), "what had not begun does not begin");
	ok(!record_result(&record, "30-waits"), "and has no result");
	expect("30-fails", OUTCOME_FAILED, 6, NULL);
	equal(strlen(scratch_read("out-fails")), 1, "what was running ends, and is not tried again");
	ok(access(scratch_path("out-next"), F_OK), "and no other begins");
}

static void test_jitter(void)
{
	clean_hooks();
	hook("39-early", "exit 0");
	hook("40-late", "exit 0");
	hook("41-own", "exit 0");
	settings("41-own", "jitter = 0");
	begin_record(EVENT_CHANGED);
	config.jitter_sec = 1;
	run_hooks();
	expect("40-late", OUTCOME_SUCCEEDED, 0, "40-late: begins in ");
	ok(!strstr(scratch_read("log"), "39-early: begins in"), "below 40 there is no jitter");
	ok(!strstr(scratch_read("log"), "41-own: begins in"), "nor where the settings say so");
	settings("39-early", "jitter = 1");
	settings("41-own", "jitter = 86400");
	begin_record(EVENT_CHANGED);
	(void)unlink(scratch_path("hooks/41-own"));
	run_hooks();
	told("39-early: begins in ", "unless the settings say so");
	hook("15-guard", "exit 0");
	settings("15-guard", "jitter = 86400");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("15-guard", OUTCOME_SUCCEEDED, 0, NULL);
	ok(!strstr(scratch_read("log"), "15-guard: begins in"), "a guard waits for nothing, whatever they say");
	hook("41-own", "exit 0");
	begin_record(EVENT_TEST);
	record.drill = true;
	run_hooks();
	ok(record_result(&record, "41-own") && !strstr(scratch_read("log"), "begins in"),
	   "a drill has none");
	begin_record(EVENT_CHANGED);
	record.drill = true;
	run_hooks();
	ok(record_result(&record, "41-own") && !is_recorded("41-own", OUTCOME_SUCCEEDED),
	   "nor is what one does at its hooks on record");
	hook("60-identity", "exit 0");
	begin_record(EVENT_BOOT_CHANGED);
	strcpy(record.intent, "clone");
	run_hooks();
	ok(record_result(&record, "60-identity") && !strstr(scratch_read("log"), "begins in"),
	   "nor has a boot, where all other services wait for it");
	config.jitter_sec = 0;
}

int main(void)
{
	refusals = mmap(NULL, sizeof(*refusals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (refusals == MAP_FAILED)
		return 1;
	rig_create();
	config.retry_pause_ms = 50;
	test_user();
	test_name_service();
	test_orphan();
	test_shortage();
	test_ordinary();
	test_retries();
	test_calling_off();
	test_jitter();
	rig_clear();
	return tap_done();
}
