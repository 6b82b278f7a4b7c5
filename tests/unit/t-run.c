/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A run of real hooks: order, environment, every way to end, and the log. The
 * program is its own hook where a shell could not see what is to be seen.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "log.h"
#include "run.h"
#include "scratch.h"
#include "state.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct config config;
static struct record record;

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
	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (!sigisemptyset(&mask) || signal(SIGPIPE, SIG_DFL) != SIG_DFL)
		return 4;
	if (count_others())
		return 5;
	if (strcmp(strrchr(argv[0], '/'), "/10-self") || !getcwd(target, sizeof(target)) ||
	    strcmp(target, "/"))
		return 6;
	return 77;
}

static void hook(const char *name, const char *text)
{
	char path[NAME_MAX + 8], script[4096];

	snprintf(path, sizeof(path), "hooks/%s", name);
	snprintf(script, sizeof(script), "#!/bin/sh\ncd %s\n%s\n", scratch_directory, text);
	scratch_write(path, script, 0755);
}

static void clean_hooks(void)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cd %s && rm -rf hooks conf out-* log && mkdir hooks conf",
		 scratch_directory);
	if (system(command))
		scratch_give_up("clean");
}

static void begin_record(enum event event)
{
	struct state state = { .boot_id = "" };
	int fd;

	record_clear(&record);
	record = (struct record){ .id_hash = HASH, .event = event, .generation = 42 };
	if (record_copy(&record, &state.run) || state_open(config.state_dir, &fd) ||
	    state_save(fd, &state))
		scratch_give_up("state");
	close(fd);
}

static void advance_to_end(struct run *run)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	while (run_advance(run))
		nanosleep(&pause, NULL);
	run_free(run);
}

/* Runs the hooks with the log in the file "log". */
static void run_hooks(void)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	struct run *run;

	dup2(fd, STDERR_FILENO);
	close(fd);
	if (run_new(&config, &record, &run))
		scratch_give_up("run");
	advance_to_end(run);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void expect(const char *name, enum outcome outcome, int status, const char *log)
{
	const struct hook_result *result = record_result(&record, name);
	struct hook_result recorded;

	if (!ok(result && result->outcome == outcome && result->status == status, "%s: %s",
		name, outcome_name(outcome)))
		printf("# %s %d\n", result ? outcome_name(result->outcome) : "none",
		       result ? result->status : 0);
	/* Nobody was left to record it. */
	if (outcome != OUTCOME_LOST)
		ok(!state_find_result(config.state_dir, HASH, name, &recorded) &&
		   recorded.outcome == outcome, "%s: recorded", name);
	if (log && !ok(strstr(scratch_read("log"), log), "%s: told: %s", name, log))
		printf("# %.3000s\n", scratch_read("log"));
}

static void test_outcomes(void)
{
	clean_hooks();
	hook("10-good", "exit 0");
	hook("11-skip", "exit 77");
	hook("12-fail", "echo because >&2; exit 3");
	hook("13-killed", "kill -SEGV $$");
	hook("14-plain", "");
	(void)chmod(scratch_path("hooks/14-plain"), 0644);
	hook("15-open", "");
	(void)chmod(scratch_path("hooks/15-open"), 0775);
	scratch_write("hooks/16-lost", "#!/nonexistent/interpreter\n", 0755);
	scratch_write("hooks/17-text", "no first line\n", 0755);
	(void)!symlink("10-good", scratch_path("hooks/18-link"));
	hook("19-orphan", "kill -KILL $PPID; exit 0");
	hook("20-off", "touch out-off");
	scratch_write("conf/20-off.conf", "[hook]\nenabled=no\n", 0644);
	hook("21-typo", "touch out-typo");
	scratch_write("conf/21-typo.conf", "[hook]\nenabeld=no\n", 0644);
	(void)!symlink("/dev/null", scratch_path("hooks/22-masked"));
	hook("99-end", "touch out-end");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-good", OUTCOME_SUCCEEDED, 0, "10-good: succeeded after");
	expect("11-skip", OUTCOME_NOT_APPLICABLE, 0, "11-skip: does not apply here");
	expect("12-fail", OUTCOME_FAILED, 3, "12-fail: failed with exit status 3");
	ok(strstr(scratch_read("log"), "12-fail: because\n"), "what it printed is told");
	expect("13-killed", OUTCOME_KILLED, SIGSEGV, "13-killed: killed by signal 11 (SIGSEGV)");
	expect("14-plain", OUTCOME_UNUSABLE, 0, "is not executable (chmod u+x)");
	expect("15-open", OUTCOME_UNUSABLE, 0, "can be written by others than root");
	expect("16-lost", OUTCOME_UNUSABLE, 0, "the interpreter that its first line names");
	expect("17-text", OUTCOME_UNUSABLE, 0, "a script needs #!");
	expect("18-link", OUTCOME_UNUSABLE, 0, "is a symbolic link");
	expect("19-orphan", OUTCOME_LOST, 0, "nobody knows how it ended");
	ok(!record_result(&record, "20-off") && access(scratch_path("out-off"), F_OK), "20-off: not run");
	ok(strstr(scratch_read("log"), "20-off: not run:") != NULL, "20-off: told");
	ok(access(scratch_path("out-typo"), F_OK), "21-typo: not run");
	ok(strstr(scratch_read("log"), "21-typo.conf:2: unknown key \"enabeld\""), "21-typo: told");
	ok(!record_result(&record, "22-masked"), "22-masked: not run");
	expect("99-end", OUTCOME_SUCCEEDED, 0, NULL);
	ok(!access(scratch_path("out-end"), F_OK), "the run went on to its end");
	equal(record_failures(&record), 9, "failures are counted");
}

static void test_order(void)
{
	/* Each of two waits for the other, so they end only side by side. */
	static const char meet[] = "touch out-%s; while [ ! -e out-%s ]; do sleep 0.01; done; touch out-%s-end";
	char text[256];

	clean_hooks();
	snprintf(text, sizeof(text), meet, "a", "b", "a");
	hook("10-a", text);
	snprintf(text, sizeof(text), meet, "b", "a", "b");
	hook("10-b", text);
	hook("11-next", "[ -e out-a-end ] && [ -e out-b-end ] && touch out-next");
	hook("90-last", "[ -e out-next ]");
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-a", OUTCOME_SUCCEEDED, 0, NULL);
	expect("10-b", OUTCOME_SUCCEEDED, 0, NULL);
	expect("11-next", OUTCOME_SUCCEEDED, 0, NULL);
	expect("90-last", OUTCOME_SUCCEEDED, 0, NULL);
}

static void test_events(void)
{
	static const struct {
		enum event event;
		const char *want;
	} cases[] = {
		{ EVENT_CHANGED, "05-x 15-x 20-x 85-x " },
		{ EVENT_BOOT_CHANGED, "05-x 15-x " },
		{ EVENT_UNKNOWN, "15-x " },
		{ EVENT_ADOPTED, "" },
	};
	static const char *const names[] = { "05-x", "15-x", "20-x", "85-x" };
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t j;

		clean_hooks();
		for (j = 0; j < 4; j++) {
			snprintf(text, sizeof(text), "printf '%s ' >>out-ran", names[j]);
			hook(names[j], text);
		}
		begin_record(cases[i].event);
		run_hooks();
		ok(!strcmp(scratch_read("out-ran"), cases[i].want), "at %s: %s",
		   event_name(cases[i].event), cases[i].want);
	}
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
	begin_record(EVENT_CHANGED);
	run_hooks();
	/* Exit status 77 says that it found all in order. */
	expect("10-self", OUTCOME_NOT_APPLICABLE, 0, "10-self: does not apply here");
	expect("20-env", OUTCOME_SUCCEEDED, 0, NULL);
	/* PWD is where hook() went. */
	snprintf(command, sizeof(command),
		 "2:changed:42:%s\nLANG=C.UTF-8\n"
		 "OLDPWD=/\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
		 "VMGEN_EVENT=changed\nVMGEN_GENERATION=42\nVMGEN_HINT=unknown\n"
		 "VMGEN_ID_HASH=" HASH "\nVMGEN_INTENT=\nVMGEN_SOURCE=vmgenid\n", scratch_directory);
	if (!ok(!strncmp(scratch_read("out-env"), command, strlen(command)), "arguments and environment"))
		printf("# %s\n# %s\n", scratch_read("out-env"), command);
	ok(strstr(scratch_read("out-env"), "\n0 1 "), "descriptors are listed");
	unsetenv("SECRET");
}

static void test_timeout(void)
{
	clean_hooks();
	config.kill_grace_ms = 200;
	hook("10-meek", "echo $$ >out-meek; sleep 1000");
	/* Its child lives in the same group and holds the output open. */
	hook("10-stubborn", "trap '' TERM; (trap '' TERM; sleep 1000) & echo $! >out-child; echo $$ >out-stubborn; while :; do sleep 1000; done");
	hook("10-chatty", "while :; do echo on and on; done");
	hook("10-quick", "exit 0");
	/* Leaves a child behind that holds the output open. */
	hook("10-daemon", "sleep 1000 & echo $! >out-daemon");
	scratch_write("conf/10-meek.conf", "[hook]\ntimeout=3\n", 0644);
	scratch_write("conf/10-stubborn.conf", "[hook]\ntimeout=3\n", 0644);
	scratch_write("conf/10-chatty.conf", "[hook]\ntimeout=3\n", 0644);
	begin_record(EVENT_CHANGED);
	run_hooks();
	expect("10-meek", OUTCOME_TIMED_OUT, 0, "10-meek: killed with its process group");
	expect("10-stubborn", OUTCOME_TIMED_OUT, 0, "conf/10-stubborn.conf");
	expect("10-chatty", OUTCOME_TIMED_OUT, 0, "10-chatty: prints more than 8192 bytes");
	expect("10-quick", OUTCOME_SUCCEEDED, 0, NULL);
	expect("10-daemon", OUTCOME_SUCCEEDED, 0, NULL);
	ok(kill(atoi(scratch_read("out-meek")), 0) && errno == ESRCH, "10-meek is gone");
	ok(kill(atoi(scratch_read("out-stubborn")), 0) && errno == ESRCH, "10-stubborn is gone");
	/* Whoever adopted it reaps it in its own time. */
	ok(!strstr(scratch_read("log"), "10-quick: killed"), "10-quick was left alone");
	ok(!kill(atoi(scratch_read("out-daemon")), SIGKILL), "what 10-daemon started lives on");
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
	expect("10-much", OUTCOME_SUCCEEDED, 0, "10-much: prints more than 8192 bytes");
	log = scratch_read("log");
	length = strlen(log);
	for (; *log; log = strchr(log, '\n') + 1)
		lines += !strncmp(log, "10-much: 0123456789\n", 20);
	equal(lines, 8192 / 11, "the lines within the limit are logged");
	ok(length < 2 * 8192, "and no more");
	ok(strstr(scratch_read("log"), "11-odd: a?[31mb?c?d\n"), "control characters do no harm");
	ok(strstr(scratch_read("log"), "11-odd: last\n"), "a last line without a newline is logged");
}

static void test_resume(void)
{
	struct hook_result done = { .name = "10-done", .outcome = OUTCOME_SUCCEEDED };
	struct hook_result failed = { .name = "10-failed", .outcome = OUTCOME_FAILED };

	clean_hooks();
	hook("10-done", "touch out-done");
	hook("10-failed", "touch out-failed");
	hook("10-other", "touch out-other");
	begin_record(EVENT_CHANGED);
	/* Known to the daemon, and known to the state file only. */
	(void)record_set_result(&record, &done);
	(void)record_set_result(&record, &failed);
	strcpy(done.name, "10-other");
	(void)state_add_result(config.state_dir, HASH, &done);
	run_hooks();
	ok(access(scratch_path("out-done"), F_OK), "what succeeded is not run again");
	ok(!access(scratch_path("out-failed"), F_OK), "what failed is");
	ok(access(scratch_path("out-other"), F_OK), "what a former keeper recorded is not");
	equal(record_failures(&record), 0, "all is well now");
}

static void test_stop(void)
{
	struct run *run;

	clean_hooks();
	hook("10-a", "touch out-a; sleep 0.2; touch out-end");
	hook("20-b", "touch out-b");
	begin_record(EVENT_CHANGED);
	if (run_new(&config, &record, &run))
		scratch_give_up("run");
	equal(run_advance(run), 1, "one hook runs");
	ok(run_limit(run) >= config.hook_timeout_sec, "for so long at most");
	run_stop(run);
	advance_to_end(run);
	ok(!access(scratch_path("out-end"), F_OK), "it ends by itself");
	ok(access(scratch_path("out-b"), F_OK), "and no other begins");
}

/* The state cannot be written: the hooks matter more. */
static void test_no_state(void)
{
	clean_hooks();
	hook("10-a", "touch out-a");
	begin_record(EVENT_CHANGED);
	free(config.state_dir);
	config.state_dir = strdup(scratch_path("hooks/10-a"));
	run_hooks();
	ok(!access(scratch_path("out-a"), F_OK), "a hook runs although nothing can be recorded");
	ok(strstr(scratch_read("log"), "10-a: its end cannot be recorded in"), "and that is told");
}

int main(int argc, char **argv)
{
	if (argc == 3 && getenv("VMGEN_EVENT"))
		return be_hook(argv);
	scratch_create();
	if (config_init(&config))
		scratch_give_up("memory");
	free(config.state_dir);
	free(config.runtime_dir);
	free(config.hook_path);
	free(config.hook_settings_dir);
	config.state_dir = strdup(scratch_path("state"));
	config.runtime_dir = strdup(scratch_directory);
	config.hook_path = strdup(scratch_path("hooks"));
	config.hook_settings_dir = strdup(scratch_path("conf"));
	test_outcomes();
	test_order();
	test_events();
	test_environment();
	test_timeout();
	test_output();
	test_resume();
	test_stop();
	test_no_state();
	record_clear(&record);
	config_clear(&config);
	return tap_done();
}
