/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fork sentinels at a change, by a whole vmgend on a device that is played: they are
 * zeroed beside the guards, nothing waits for it, and what became of it is told.
 */
#include "guarded.h"
#include "standin.h"

static struct standin standin;

/* Instead of libc's: the processes of this machine are no business of a test. */
DIR *opendir(const char *name)
{
	int fd = open(strcmp(name, "/proc") ? name : scratch_path("proc"),
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? NULL : fdopendir(fd);
}

static void configure(const char *word)
{
	char text[4096];

	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nfork-sentinels=%s\nhook-settings=%s\nhook-path=%s\nintent-file=%s\nseed-file=%s\n",
		 word, scratch_path("settings"), scratch_path("hooks"), scratch_path("intent"),
		 scratch_path("seed"));
	scratch_write("conf", text, 0644);
}

/* Waits until it is as it should be. */
static bool becomes(const char *left)
{
	char text[64];
	int i;

	for (i = 0; i < SCRATCH_LOOKS; i++) {
		if (!strncmp(standin_ask(&standin, text), left, 2))
			return true;
		usleep(10000);
	}
	return false;
}

static void set(void)
{
	standin_list(&standin, false);
	standin_stop(&standin);
	standin = standin_start(STANDIN_SENTINEL);
	standin_list(&standin, true);
}

static void test_change(void)
{
	pid_t pid;

	hook("10-guard", "echo $VMGEN_EVENT $VMGEN_GENERATION >>guard");
	hook("80-slow", "until [ -e go ]; do sleep 0.01; done");
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	ok(becomes("01"), "a program has a sentinel");
	played_change();
	ok(becomes("00"), "which a change takes away");
	ok(comes("run/status.json", "\"zeroed\":1"), "the status tells it while hooks run");
	ok(strstr(scratch_read("run/status.json"), "\"handled\":false"), "which nothing waits for");
	scratch_write("go", "", 0600);
	ok(comes("run/generation", "2"), "the change is handled");
	ok(comes("state/history", "\"zeroed\":1"), "the history has it");
	ok(strstr(scratch_read("log"), "fork sentinels: zeroed: 1"), "so has the log");
	end(pid);
}

/* The look takes longer than the run: a FIFO that nobody writes. */
static void test_late(void)
{
	pid_t pid = begin();

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	scratch_mkdir("proc/1", 0755);
	if (mkfifo(scratch_path("proc/1/smaps"), 0600))
		scratch_give_up("a FIFO");
	set();
	played_change();
	ok(comes("run/generation", "3"), "a change is handled");
	ok(!strstr(scratch_read("run/status.json"), "\"blocked\":1"), "while a process holds the look up");
	ok(becomes("00"), "others' sentinels are taken away meanwhile");
	end(pid);
	(void)unlink(scratch_path("proc/1/smaps"));
	(void)rmdir(scratch_path("proc/1"));
}

/* Of all that began with this process; 0: none. */
static pid_t find(pid_t parent, const char *name)
{
	char path[64], text[32] = "";
	pid_t pid, found = 0;
	FILE *children;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)parent);
	children = fopen(path, "r");
	if (children && fgets(text, sizeof(text), children) && !strncmp(text, name, strlen(name)))
		found = parent;
	if (children)
		fclose(children);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	children = fopen(path, "r");
	while (children && !found && fscanf(children, "%d", &pid) == 1)
		found = find(pid, name);
	if (children)
		fclose(children);
	return found;
}

/* Before it has done what it was told to. */
static void test_lost(void)
{
	pid_t pid = begin(), lost;
	char text[64];

	ok(wait_for_guardian(pid, 0), "a guard stands by");
	set();
	lost = find(pid, "vmgend-sentinel");
	ok(lost > 0 && !kill(lost, SIGSTOP), "the process that zeroes sentinels does not come to it");
	played_change();
	ok(comes("run/generation", "4"), "a change is handled");
	ok(!strncmp(standin_ask(&standin, text), "01", 2) && !kill(lost, SIGKILL), "and it ends");
	ok(becomes("00"), "the one that is started in its place does it");
	ok(comes("run/status.json", "\"zeroed\":1"), "and the status tells it");
	end(pid);
}

static void test_off(void)
{
	char text[64];
	pid_t pid;

	configure("no");
	set();
	pid = begin();
	ok(wait_for_guardian(pid, 0), "a guard stands by");
	played_change();
	ok(comes("run/generation", "5"), "a change is handled");
	end(pid);
	ok(!strncmp(standin_ask(&standin, text), "01", 2), "and leaves all sentinels alone, if it shall");
	ok(!strstr(scratch_read("run/status.json"), "\"sentinels\""), "of which nothing is told");
}

int main(void)
{
	guarded_create();
	scratch_mkdir("proc", 0755);
	configure("yes");
	standin = standin_start(STANDIN_SENTINEL);
	standin_list(&standin, true);
	test_change();
	test_late();
	test_lost();
	test_off();
	standin_stop(&standin);
	return tap_done();
}
