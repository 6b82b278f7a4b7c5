/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Guards that are executed before there is a change and wait for it, under a whole
 * vmgend on a device that is played. The program is its own hook: what it does goes by
 * the hook's name.
 */
#include "guarded.h"

#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include "keys/standby.h"

/* Instead of libc's: keepers look at the clock again, however long they have time. */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	struct timespec look = { .tv_nsec = 20000000 };
	char name[16] = "";

	/* The kernel writes into it. */
	if (limit && (prctl(PR_GET_NAME, name) || strcmp(name, "vmgend-keeper") ||
		      (!limit->tv_sec && limit->tv_nsec < look.tv_nsec)))
		look = *limit;
	return syscall(SYS_ppoll, fds, n, limit ? &look : NULL, mask, _NSIG / 8);
}

/* As a hook: adds a line to a file of its name. */
static void __attribute__((format(printf, 2, 3))) note(const char *file, const char *format, ...)
{
	char path[NAME_MAX + 1], text[1024];
	va_list args;
	int fd, n;

	snprintf(path, sizeof(path), "%s.%s", strrchr(program_invocation_name, '/') + 1, file);
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, text, n) != n)
		abort();
	close(fd);
}

static void note_environment(const char *file, int argc)
{
	char target[PATH_MAX] = "";
	char **variable;

	(void)!readlink("/proc/self/fd/0", target, sizeof(target) - 1);
	note(file, "%d argument(s), policy %d, nice %d, input %.6s:", argc - 1, sched_getscheduler(0),
	     getpriority(PRIO_PROCESS, 0), target);
	for (variable = environ; *variable; variable++)
		note(file, " %s", *variable);
	note(file, "\n");
}

/* Until it is killed, or the test is over. */
static void hang(void)
{
	for (;;)
		pause();
}

static int be_hook(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') + 1;
	bool standby = getenv("VMGEN_STANDBY");
	int i, r;

	if (chdir(dirname(strdupa(argv[0]))) || chdir(".."))
		return 1;
	note(standby ? "stands" : "executed", "%d\n", (int)getpid());
	if (standby)
		note_environment("before", argc);
	if (standby && !strcmp(name, "11-crash"))
		abort();
	if (standby && !strcmp(name, "11-script"))
		return 0;
	if (standby && (!strcmp(name, "11-deaf") || !strcmp(name, "11-late")))
		hang();
	for (i = 0; standby && !strcmp(name, "11-loud") && i < 100000; i++)
		printf("on and on\n");
	fflush(stdout);
	r = standby_wait();
	if (r)
		return 1;
	note("told", "%s %s %s %d\n", getenv("VMGEN_EVENT"), getenv("VMGEN_GENERATION"),
	     standby ? "stood by" : "executed", (int)getpid());
	note_environment("after", argc);
	if (!strcmp(name, "11-long") && access("finish", F_OK))
		hang();
	return 0;
}

static void place(const char *name)
{
	static char self[PATH_MAX];
	char command[3 * PATH_MAX], path[64];

	if (!*self && readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		scratch_give_up("self");
	snprintf(command, sizeof(command), "cd %s && cp %s new-hook && mv new-hook hooks/%s",
		 scratch_directory, self, name);
	snprintf(path, sizeof(path), "settings/%s.conf", name);
	scratch_write(path, "[hook]\nstandby = yes\ntimeout = 600\n", 0644);
	if (system(command))
		scratch_give_up(name);
}

static void clear(const char *name)
{
	char command[PATH_MAX + 64];

	snprintf(command, sizeof(command), "cd %s && rm -f hooks/%s settings/%s.conf %s.* log",
		 scratch_directory, name, name, name);
	if (system(command))
		scratch_give_up(name);
}

static size_t lines(const char *file)
{
	const char *text = scratch_read(file);
	size_t n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

/* Until so many instances were executed to stand by; returns the latest, or 0. */
static pid_t stands(const char *file, size_t n)
{
	const char *text;
	int i;

	for (i = 0; i < SCRATCH_LOOKS && lines(file) < n; i++)
		usleep(10000);
	text = scratch_read(file);
	for (i = 1; *text && i < (int)n; i++)
		text = strchr(text, '\n') + 1;
	return lines(file) < n ? 0 : atoi(text);
}

static bool ends(pid_t pid)
{
	int i;

	for (i = 0; i < SCRATCH_LOOKS && !kill(pid, 0); i++)
		usleep(10000);
	return pid > 0 && i < SCRATCH_LOOKS;
}

/* What the next change tells: it must be good until then. */
static const char *told(const char *how, pid_t pid)
{
	static char text[128];

	snprintf(text, sizeof(text), "changed %d %s %.0d", (int)device->generation + 1, how, (int)pid);
	return text;
}

/* Otherwise the next vmgend goes on with it. */
static void finish(pid_t pid)
{
	char generation[16];

	snprintf(generation, sizeof(generation), "%d", (int)device->generation);
	if (!ok(comes("run/generation", generation), "the change is handled"))
		printf("# %.6000s\n", scratch_read("log"));
	end(pid);
}

static void expect(const char *file, const char *text, const char *what)
{
	if (!ok(comes(file, text), "%s", what))
		printf("# wanted: %s\n# %s\n# %.6000s\n", text, scratch_read(file), scratch_read("log"));
}

static void test_handed(void)
{
	const char *text;
	pid_t pid, first;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	ok(first, "a guard is executed while nothing has happened");
	expect("10-waits.before", "0 argument(s), policy 1, nice -5, input socket: PATH=",
	       "before all programs");
	expect("10-waits.before", " LANG=C.UTF-8 VMGEN_STANDBY=1\n", "and told nothing else");
	/* Its time begins with the change. */
	*clock_ahead_sec += 1000;
	text = told("stood by", first);
	played_change();
	expect("10-waits.told", text, "at the change it is told");
	expect("10-waits.after", "0 argument(s), policy 1, nice -5, input /dev/n: PATH=", "it has no input");
	expect("10-waits.after", " VMGEN_EVENT=changed VMGEN_GENERATION=2 VMGEN_SOURCE=vmgenid VMGEN_HINT=unknown VMGEN_INTENT= VMGEN_ID_HASH=",
	       "it has the environment of any hook");
	ok(!strstr(scratch_read("10-waits.after"), "STANDBY"), "and what it starts does not wait");
	first = stands("10-waits.stands", 2);
	text = told("stood by", first);
	played_change();
	expect("10-waits.told", text, "so has the next one at the next change");
	equal(lines("10-waits.told"), 2, "each change is told once");
	ok(!lines("10-waits.executed"), "and nothing was executed late");
	first = stands("10-waits.stands", 3);
	finish(pid);
	ok(ends(first), "the last one does not outlive vmgend");
	clear("10-waits");
}

static void test_killed(void)
{
	const char *text;
	pid_t pid, first;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	(void)kill(first, SIGKILL);
	expect("log", "10-waits: ended while it stood by (signal 9); it is executed at the change",
	       "one that is killed meanwhile is named");
	text = told("executed", 0);
	played_change();
	expect("10-waits.told", text, "and executed at the change");
	first = stands("10-waits.stands", 2);
	ok(first, "for the next one another stands by");
	ok(comes("log", "generation 4 is handled"), "that change is handled");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(ends(first), "which ends when vmgend is killed");
	clear("10-waits");
}

/* What ends at once is executed once for each change, and once to stand by. */
static void test_crash(void)
{
	const char *text;
	pid_t pid;

	place("10-waits");
	place("11-crash");
	place("11-script");
	pid = begin();
	expect("log", "11-crash: ended while it stood by (signal 6)", "one that crashes at once is named");
	expect("log", "11-script: ended while it stood by (exit status 0)", "so is one that does not wait");
	ok(stands("10-waits.stands", 1), "neither holds another one up");
	text = told("executed", 0);
	played_change();
	expect("11-crash.told", text, "at the change the first is executed");
	expect("11-script.told", text, "and the second");
	ok(stands("10-waits.stands", 2) && stands("11-crash.stands", 2) && stands("11-script.stands", 2),
	   "all stand by again for the next change");
	played_change();
	ok(stands("10-waits.stands", 3) && stands("11-crash.stands", 3), "and again");
	equal(lines("11-crash.stands"), 3, "once for each change, however often that goes wrong");
	finish(pid);
	clear("11-crash");
	clear("11-script");
	clear("10-waits");
}

static void test_instances(void)
{
	pid_t pid, first, second;
	const char *text;

	place("11-long");
	pid = begin();
	first = stands("11-long.stands", 1);
	text = told("stood by", first);
	played_change();
	expect("11-long.told", text, "one is told, and does not end");
	second = stands("11-long.stands", 2);
	ok(second && !kill(first, 0), "beside it another stands by");
	scratch_write("finish", "", 0600);
	text = told("stood by", second);
	played_change();
	expect("11-long.told", text, "which is told of the next change");
	ok(kill(first, 0) && errno == ESRCH, "after the first was killed");
	(void)unlink(scratch_path("finish"));
	finish(pid);
	clear("11-long");
}

static void test_timeout(void)
{
	pid_t pid, deaf, slow;
	const char *text;
	int i;

	place("10-waits");
	place("11-deaf");
	place("11-long");
	pid = begin();
	deaf = stands("11-deaf.stands", 1);
	slow = stands("11-long.stands", 1);
	text = told("stood by", stands("10-waits.stands", 1));
	played_change();
	expect("10-waits.told", text, "a guard that never reads holds no other up");
	expect("11-long.told", "changed", "nor does one that never ends");
	for (i = 0; i < SCRATCH_LOOKS && !(strstr(scratch_read("log"), "11-deaf: had not ended after 600 s") &&
					   strstr(scratch_read("log"), "11-long: had not ended after 600 s")); i++) {
		*clock_ahead_sec += i % 100 ? 0 : 1000;
		usleep(10000);
	}
	ok(i < SCRATCH_LOOKS, "both have their time from the change on");
	ok(ends(deaf) && ends(slow), "and are gone then");
	finish(pid);
	clear("11-deaf");
	clear("11-long");
	clear("10-waits");
}

/* It has been handed its environment, and dies before it has read that. */
static void test_unread(void)
{
	pid_t pid, late;
	const char *text;

	place("10-waits");
	place("11-late");
	pid = begin();
	late = stands("11-late.stands", 1);
	ok(stands("10-waits.stands", 1), "guards stand by");
	text = told("executed", 0);
	played_change();
	expect("10-waits.told", "changed", "there is a change");
	(void)kill(late, SIGKILL);
	expect("11-late.told", text, "one that dies before it has heard of that is executed");
	ok(comes("log", "11-late: succeeded"), "which is all that counts");
	finish(pid);
	clear("11-late");
	clear("10-waits");
}

static void test_replaced(void)
{
	pid_t pid, first, second, guardian;
	const char *text;

	place("10-waits");
	pid = begin();
	first = stands("10-waits.stands", 1);
	place("10-waits");
	/* File and settings may be seen one after the other, and make two of them. */
	second = stands("10-waits.stands", 2);
	ok(second && ends(first), "one whose file is replaced makes way for another");
	guardian = wait_for_guardian(pid, 0);
	(void)kill(pid, SIGHUP);
	ok(wait_for_guardian(pid, guardian) && ends(second), "so it does when vmgend is reloaded");
	ok(stands("10-waits.stands", 3), "and there is another");
	text = told("stood by", 0);
	played_change();
	expect("10-waits.told", text, "which is told");
	finish(pid);
	equal(lines("10-waits.told"), 1, "and no other");
	clear("10-waits");
}

/* More than a pipe takes, before there is anything to tell. */
static void test_loud(void)
{
	const char *text;
	pid_t pid;

	place("11-loud");
	pid = begin();
	text = told("stood by", stands("11-loud.stands", 1));
	played_change();
	expect("11-loud.told", text, "what it has printed before it begins does not keep it from that");
	expect("log", "11-loud| on and on", "and is shown then");
	finish(pid);
	clear("11-loud");
}

static void test_others(void)
{
	static const char *const notes[] = {
		"12-user.stands", "12-user.executed", "12-user.before", "12-user.told", "12-user.after",
	};
	const char *text;
	size_t i;
	pid_t pid;

	place("10-waits");
	place("12-user");
	place("30-later");
	scratch_write("settings/12-user.conf", "[hook]\nstandby=yes\nuser=nobody\n", 0644);
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		scratch_write(notes[i], "", 0666);
	pid = begin();
	ok(stands("10-waits.stands", 1), "a guard of root's stands by");
	text = told("executed", 0);
	played_change();
	expect("30-later.told", text, "a hook that is no guard is executed at its turn");
	ok(!lines("30-later.stands"), "and does not stand by");
	expect("12-user.told", text, "so is a guard of another user");
	ok(!lines("12-user.stands"), "and does not either");
	finish(pid);
	clear("30-later");
	clear("12-user");
	clear("10-waits");
}

int main(int argc, char **argv)
{
	if (strstr(argv[0], "/hooks/"))
		return be_hook(argc, argv);
	if (setpriority(PRIO_PROCESS, 0, -5))
		return 1;
	guarded_create();
	remove_hook("10-guard");
	test_handed();
	test_killed();
	test_crash();
	test_instances();
	test_timeout();
	test_unread();
	test_replaced();
	test_loud();
	test_others();
	return tap_done();
}
