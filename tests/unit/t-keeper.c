/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How hooks end, what they find, and what they print. The program is its own
 * hook where a shell could not see what is to be seen.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/file.h>

#include "base/paths.h"
#include "rig.h"

/* Returns how many descriptors there are beside the standard ones. */
static int count_others(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int others = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		others += *entry->d_name != '.' && atoi(entry->d_name) > 2 &&
			  atoi(entry->d_name) != dirfd(dir);
	closedir(dir);
	return others;
}

/* As a hook: is all as it was promised? */
static int be_hook(char **argv)
{
	char target[PATH_MAX];
	sigset_t mask;

	if (readlink("/proc/self/fd/0", target, sizeof(target)) != 9 ||
	    memcmp(target, "/dev/null", 9))
		return 2;
	if (getsid(0) != getpid() || getpgrp() != getpid())
		return 3;
	/* Linux fills in its part of it, and an old C library looks at all. */
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (!sigisemptyset(&mask) || signal(SIGPIPE, SIG_DFL) != SIG_DFL)
		return 4;
	if (count_others())
		return 5;
	if (strcmp(strrchr(argv[0], '/'), "/10-self") || !getcwd(target, sizeof(target)) ||
	    strcmp(target, "/"))
		return 6;
	if (umask(0) != 022)
		return 7;
	/* What hits the daemon's session must not hit who looks after the hook. */
	if (getsid(getppid()) != getppid())
		return 8;
	return 77;
}

static void test_outcomes(void)
{
	clean_hooks();
	hook("10-good", "echo all is well; echo fine");
	hook("11-skip", "exit 77");
	hook("12-fail", "printf 'so\nit \033[1mis\n'; echo because >&2; exit 3");
	hook("13-killed", "kill -SEGV $$");
	hook("14-plain", "");
	(void)chmod(scratch_path("hooks/14-plain"), 0644);
	hook("15-open", "");
	(void)chmod(scratch_path("hooks/15-open"), 0775);
	scratch_write("hooks/16-lost", "#!/nonexistent/interpreter\n", 0755);
	scratch_write("hooks/17-text", "no first line\n", 0755);
	(void)!symlink("10-good", scratch_path("hooks/18-link"));
	hook("19-orphan", "echo >>out-orphan; kill -KILL $PPID; sleep 1000");
	hook("20-off", "touch out-off");
	scratch_write("conf/20-off.conf", "[hook]\nenabled=no\n", 0644);
	hook("11-guard", "exit 0");
	scratch_write("conf/11-guard.conf", "[hook]\ntimeout=never\n", 0644);
	hook("21-typo", "touch out-typo");
	scratch_write("conf/21-typo.conf", "[hook]\nenabeld=no\n", 0644);
	(void)!symlink("/dev/null", scratch_path("hooks/22-masked"));
	hook("99-end", "touch out-end");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-good", OUTCOME_SUCCEEDED, 0, "10-good: succeeded after");
	expect("11-skip", OUTCOME_NOT_APPLICABLE, 0, "11-skip: does not apply here");
	expect("12-fail", OUTCOME_FAILED, 3, "12-fail: failed with exit status 3");
	ok(strstr(scratch_read("log"), "12-fail| because\n"), "what it printed is told");
	ok(record_result(&record, "12-fail")->output &&
	   !strcmp(record_result(&record, "12-fail")->output, "so\nit \\x1b[1mis\nbecause"),
	   "and goes into the record");
	ok(strstr(scratch_read("state/state.json"), "it \\\\x1b[1mis\\nbecause"), "and to the disk");
	ok(!strstr(scratch_read("state/state.json"), "all is well"), "but not of one that succeeded");
	expect("13-killed", OUTCOME_KILLED, SIGSEGV, "13-killed: killed by signal 11 (SIGSEGV)");
	expect("14-plain", OUTCOME_UNUSABLE, 0, "is not executable (chmod u+x)");
	expect("15-open", OUTCOME_UNUSABLE, 0, "can be written by others than root");
	expect("16-lost", OUTCOME_UNUSABLE, 0, "the interpreter that its first line names");
	expect("17-text", OUTCOME_UNUSABLE, 0, "a script needs #!");
	expect("18-link", OUTCOME_UNUSABLE, 0, "is a symbolic link");
	expect("19-orphan", OUTCOME_LOST, 0, "nobody knows how it ended");
	ok(!strcmp(scratch_read("out-orphan"), "\n\n\n"), "19-orphan: run again, but not for ever");
	ok(!record_result(&record, "20-off") && access(scratch_path("out-off"), F_OK), "20-off: not run");
	ok(strstr(scratch_read("log"), "20-off: not run:") != NULL, "20-off: told");
	expect("11-guard", OUTCOME_SUCCEEDED, 0, "11-guard: run with default settings");
	ok(access(scratch_path("out-typo"), F_OK), "21-typo: not run");
	ok(strstr(scratch_read("log"), "21-typo.conf:2: unknown key \"enabeld\""), "21-typo: told");
	ok(!record_result(&record, "22-masked"), "22-masked: not run");
	expect("99-end", OUTCOME_SUCCEEDED, 0, NULL);
	ok(!access(scratch_path("out-end"), F_OK), "the run went on to its end");
	equal(record_failures(&record), 9, "failures are counted");
}

static void test_environment(void)
{
	char self[PATH_MAX] = "", command[2 * PATH_MAX + 64];

	clean_hooks();
	(void)setenv("SECRET", "1", 1);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		scratch_give_up("self");
	snprintf(command, sizeof(command), "cp %s %s && chmod 755 %s", self,
		 scratch_path("hooks/10-self"), scratch_path("hooks/10-self"));
	if (system(command))
		scratch_give_up("self");
	hook("20-env", "[ \"$0\" = /proc/self/fd/3 ] || exit 1\necho \"$#:$1:$2:$PWD\" >out-env; env | grep -v ^PWD= | LC_ALL=C sort >>out-env\n"
	     "cd /proc/$$/fd; echo * >>/$OLDPWD/out-env");
	hook("11-guard", "echo \"guard:$VMGEN_INTENT:$VMGEN_NAME:$VMGEN_HINT\" >out-guard");
	begin_record(EVENT_CHANGED);
	strcpy(record.source, "vmclock");
	strcpy(record.hint, "rollback");
	strcpy(record.intent, "restore");
	strcpy(record.name, "web-3");
	umask(077);
	run_hooks();
	umask(022);
	/* Exit status 77 says that it found all in order. */
	expect("10-self", OUTCOME_NOT_APPLICABLE, 0, "10-self: does not apply here");
	expect("20-env", OUTCOME_SUCCEEDED, 0, NULL);
	/* PWD is where hook() went. */
	snprintf(command, sizeof(command),
		 "2:changed:42:%s\nLANG=C.UTF-8\n"
		 "OLDPWD=/\nPATH=" PATH_PROGRAMS "\n"
		 "VMGEN_EVENT=changed\nVMGEN_GENERATION=42\nVMGEN_HINT=rollback\n"
		 "VMGEN_ID_HASH=" HASH "\nVMGEN_INTENT=restore\nVMGEN_NAME=web-3\nVMGEN_SOURCE=vmclock\n", scratch_directory);
	if (!ok(!strncmp(scratch_read("out-env"), command, strlen(command)), "arguments and environment"))
		printf("# %s\n# %s\n", scratch_read("out-env"), command);
	ok(!strcmp(scratch_read("out-guard"), "guard:::rollback\n"), "a guard gets no intent and no name");
	/* Of the shell: 10 is the script again, 4 the directory that it lists. */
	ok(strstr(scratch_read("out-env"), "\n0 1 10 2 3 4\n"), "no other descriptors are there");
	unsetenv("SECRET");
}

static void test_timeout(void)
{
	static const char *const written[] = {
		"out-meek", "out-stubborn", "out-child", "out-left", "out-trap", "out-fugitive",
		"out-deeper", "out-hops", "out-chatty", "10-quick", "10-daemon", NULL,
	};
	char text[128];
	int fd;

	clean_hooks();
	config.kill_grace_ms = 200;
	hook("10-meek", "echo $$ >out-meek; sleep 1000");
	/* Its child lives in the same group and holds the output open. */
	hook("10-stubborn", "trap '' TERM; (trap '' TERM; sleep 1000) & echo $! >out-child; echo $$ >out-stubborn; while :; do sleep 1000; done");
	hook("10-leader", "(trap '' TERM; echo >out-trap; sleep 1000) & echo $! >out-left; sleep 1000");
	/* Neither in its session nor willing to end, and its parent is gone. */
	hook("10-fugitive", "setsid sh -c 'trap \"\" TERM; (setsid sleep 1000 & echo $! >out-deeper); echo $$ >out-fugitive; while :; do sleep 1000; done' & sleep 1000");
	/* Never the same process for long. */
	scratch_write("out-hop", "#!/bin/sh\necho >>out-hops\nsetsid ./out-hop &\n", 0755);
	/* The one that lives holds the lock. */
	hook("10-rabbit", "trap '' TERM; exec 9>out-lock; flock -n 9; ./out-hop & sleep 1000");
	hook("10-chatty", "for i in $(seq 3000); do echo on and on; done; echo >out-chatty; while :; do echo on and on; done");
	hook("10-quick", "exit 0");
	/* Leaves a child behind that holds the output open. */
	/* Its name is the shell's until it is executed. */
	hook("10-daemon", "sleep 1000 & echo $! >out-daemon\n"
	     "until [ $(cat /proc/$!/comm) = sleep ]; do :; done");
	scratch_write("conf/10-meek.conf", RIG_TIMEOUT, 0644);
	scratch_write("conf/10-stubborn.conf", RIG_TIMEOUT, 0644);
	scratch_write("conf/10-leader.conf", RIG_TIMEOUT, 0644);
	scratch_write("conf/10-fugitive.conf", RIG_TIMEOUT, 0644);
	scratch_write("conf/10-rabbit.conf", RIG_TIMEOUT, 0644);
	scratch_write("conf/10-chatty.conf", RIG_TIMEOUT, 0644);
	begin_record(EVENT_CHANGED);
	run_hooks_until(written);
	fd = open(scratch_path("out-lock"), O_RDONLY | O_CLOEXEC);
	expect("10-meek", OUTCOME_TIMED_OUT, 0, "10-meek: still ran after 600 s");
	expect("10-stubborn", OUTCOME_TIMED_OUT, 0, "conf/10-stubborn.conf");
	expect("10-chatty", OUTCOME_TIMED_OUT, 0, "bytes of its output are left out here");
	expect("10-quick", OUTCOME_SUCCEEDED, 0, NULL);
	expect("10-daemon", OUTCOME_SUCCEEDED, 0, NULL);
	ok(kill(atoi(scratch_read("out-meek")), 0) && errno == ESRCH, "10-meek is gone");
	ok(kill(atoi(scratch_read("out-stubborn")), 0) && errno == ESRCH, "10-stubborn is gone");
	ok(is_dead("out-child"), "and its child");
	ok(is_dead("out-left"), "and what a leader left behind that obeyed");
	ok(is_dead("out-fugitive"), "and what left its session");
	ok(*scratch_read("out-hops"), "something moves on and on");
	ok(!flock(fd, LOCK_EX | LOCK_NB), "and that, too");
	close(fd);
	ok(is_dead("out-deeper"), "and what that had left behind");
	ok(!strstr(scratch_read("log"), "10-quick: killed"), "10-quick was left alone");
	snprintf(text, sizeof(text), "10-daemon: has ended, but 1 of its processes are still running: sleep (%d)\n",
		 atoi(scratch_read("out-daemon")));
	ok(strstr(scratch_read("log"), text), "what 10-daemon left is told");
	ok(!strstr(scratch_read("log"), "10-quick: has ended, but"), "what left nothing is not");
	ok(!kill(atoi(scratch_read("out-daemon")), SIGKILL), "what 10-daemon started lives on");
}

/* A hook that forgets its children by the hundred. */
static void test_zombies(void)
{
	clean_hooks();
	hook("10-poll", "i=0; while [ $i -lt 500 ]; do (sleep 0 &); i=$((i + 1)); done\n"
	     "for i in $(seq 300); do\n"
	     "	ps -o stat= --ppid $PPID | grep -q Z || exit 3\n"
	     "	sleep 0.1\n"
	     "done");
	/* Nothing to read, which is no reason to look for that all the time. */
	hook("10-closed", "exec >&- 2>&-; (exit 5) & (exit 6) & until test -e out-go; do sleep 0.05; done; exit 4");
	hook("10-go", "i=0; while [ $i -lt 20 ]; do (exit 7); i=$((i + 1)); done; touch out-go");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-poll", OUTCOME_FAILED, 3, NULL);
	expect("10-closed", OUTCOME_FAILED, 4, NULL);
	expect("10-go", OUTCOME_SUCCEEDED, 0, NULL);
}

/* Its keeper is killed, by anybody. */
static void test_lost(void)
{
	struct hook_result recorded = { .name = "10-recorded" };

	clean_hooks();
	/* The second time it does what it should have done at first. */
	hook("10-again", "test -e out-once && exit 0; echo $$ >out-once; kill -KILL $PPID; sleep 1000");
	/* Its result is on record when its keeper is killed. */
	hook("10-recorded", "echo >>out-recorded; kill -KILL $PPID; sleep 1000");
	hook("20-next", "test -e out-once");
	begin_record(EVENT_CHANGED);
	if (state_add_result(config.state_dir, HASH, &recorded))
		scratch_give_up("state");
	run_hooks();
	expect("10-again", OUTCOME_SUCCEEDED, 0, "10-again: its keeper is gone");
	ok(is_dead("out-once"), "a hook does not outlive its keeper, so no two run at once");
	expect("10-recorded", OUTCOME_SUCCEEDED, 0, NULL);
	ok(!strcmp(scratch_read("out-recorded"), "\n"), "what is on record counts, and is not run again");
	expect("20-next", OUTCOME_SUCCEEDED, 0, NULL);
}

static void test_output(void)
{
	const char *log;
	size_t lines = 0, length;

	clean_hooks();
	hook("10-much", "yes 0123456789 | head -c 1000000; echo no newline >&2; printf end");
	hook("11-odd", "printf 'a\\033[31mb\\000c\\rd\\n'; printf 'last'");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-much", OUTCOME_SUCCEEDED, 0, " bytes of its output are left out here");
	log = scratch_read("log");
	length = strlen(log);
	for (; *log; log = strchr(log, '\n') + 1)
		lines += !strncmp(log, "10-much| 0123456789\n", 20);
	equal(lines, 94 + (8192 - 15) / 11, "the lines at both ends are logged");
	ok(length < 3 * 8192, "and no more");
	ok(strstr(scratch_read("log"), "10-much| 0no newline\n10-much| end\n"), "with the last ones, which mostly say why");
	ok(strstr(scratch_read("log"), "11-odd| a\\x1b[31mb\\x00c\\x0dd\n"), "control characters do no harm");
	ok(strstr(scratch_read("log"), "11-odd| last\n"), "a last line without a newline is logged");
}

/* Has something to do before it ends, outside of its session. */
static void test_grace(void)
{
	static const char *const written[] = { "out-ready", NULL };

	clean_hooks();
	/* Who waited for that would not end before the test is ended. */
	config.kill_grace_ms = 3600 * 1000;
	hook("10-tidy", "setsid sh -c 'trap \"sleep 0.1; touch out-tidy; exit\" TERM; echo >out-ready; while :; do sleep 0.02; done' & sleep 1000");
	scratch_write("conf/10-tidy.conf", RIG_TIMEOUT, 0644);
	begin_record(EVENT_CHANGED);
	run_hooks_until(written);
	config.kill_grace_ms = 200;
	expect("10-tidy", OUTCOME_TIMED_OUT, 0, NULL);
	ok(record_result(&record, "10-tidy")->duration_ms < 3600 * 1000, "the grace is not waited for");
	ok(!access(scratch_path("out-tidy"), F_OK), "what obeys gets its time for that");
}

int main(int argc, char **argv)
{
	if (argc == 3 && getenv("VMGEN_EVENT"))
		return be_hook(argv);
	rig_create();
	test_outcomes();
	test_environment();
	test_timeout();
	test_zombies();
	test_grace();
	test_lost();
	test_output();
	rig_clear();
	return tap_done();
}
