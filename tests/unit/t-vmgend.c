/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgend as a whole, beside a service manager that this program plays. What it
 * makes of a real device is for tests/vm to show.
 */
#include "played.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tap.h"

static int manager;
static char told[1 << 16];

static pid_t start(void)
{
	told[0] = '\0';
	return start_vmgend();
}

/* Returns false if nothing more is told in time. */
static bool read_more(int timeout_ms)
{
	struct pollfd wanted = { .fd = manager, .events = POLLIN };
	size_t used = strlen(told);
	ssize_t n;

	if (poll(&wanted, 1, timeout_ms) != 1)
		return false;
	n = read(manager, told + used, sizeof(told) - used - 2);
	if (n <= 0)
		return false;
	strcpy(told + used + n, "\n");
	return true;
}

static bool is_told(const char *text)
{
	int i;

	/* Signs of life go on for ever, ten a second. */
	for (i = 0; i < SCRATCH_LOOKS / 10 && !strstr(told, text); i++)
		if (!read_more(SCRATCH_LOOKS * 10))
			return false;
	return strstr(told, text);
}

static void test_life(void)
{
	int fds[2], saved = dup(STDERR_FILENO);
	struct stat st;
	pid_t pid;

	pid = start();
	ok(is_told("READY=1"), "a first start says READY");
	ok(is_told("WATCHDOG=1"), "it says that it lives");
	ok(!stat(scratch_path("run"), &st) && (st.st_mode & 07777) == 0755, "everyone can look, whatever the umask");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "SIGTERM ends it");
	ok(is_told("STOPPING=1"), "and it says so");

	/* A log that nobody reads. */
	if (pipe(fds) || dup2(fds[1], STDERR_FILENO) < 0)
		scratch_give_up("pipe");
	close(fds[0]);
	close(fds[1]);
	pid = start();
	dup2(saved, STDERR_FILENO);
	ok(is_told("READY=1"), "a start without a reader of the log");
	played_change();
	ok(is_told("STATUS=Generation 2: changed, hooks are running"), "a change is told");
	ok(is_told("STATUS=Generation 2; last: changed, hooks that failed: 0"), "and its end");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "the log's end is not that of vmgend");
	close(saved);
}

static void reload(pid_t pid, const char *text)
{
	scratch_write("conf", text, 0644);
	told[0] = '\0';
	(void)kill(pid, SIGHUP);
	ok(is_told("RELOADING=1\nMONOTONIC_USEC="), "SIGHUP is told");
	ok(is_told("READY=1"), "and its end");
}

static void test_reload(void)
{
	char good[PATH_MAX + 64], other[PATH_MAX + 64];
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	pid_t pid;

	snprintf(good, sizeof(good), "[vmgend]\nhook-path=%s\n", scratch_path("hooks"));
	snprintf(other, sizeof(other), "[vmgend]\nhook-path=%s\n", scratch_path("other"));
	dup2(fd, STDERR_FILENO);
	close(fd);
	pid = start();
	dup2(saved, STDERR_FILENO);
	close(saved);
	ok(is_told("READY=1"), "started");
	reload(pid, "[vmgend]\nhook-path=/nowhere\nhook-timeuot=1\n");
	ok(strstr(scratch_read("log"), "the configuration was not reloaded: ") && strstr(scratch_read("log"), "conf:3: unknown key"),
	   "a mistake is named");
	played_change();
	ok(is_told("last: changed, hooks that failed: 0") && strstr(scratch_read("log"), "10-guard: succeeded"),
	   "and the good configuration holds");
	reload(pid, other);
	played_change();
	ok(is_told("last: changed, hooks that failed: 0") && strstr(scratch_read("log"), "99-other: succeeded"),
	   "without a mistake the new one does");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "ended");
	scratch_write("conf", good, 0644);
	unlink(scratch_path("log"));
}

static void test_boot(void)
{
	char command[3 * PATH_MAX];
	pid_t pid;

	snprintf(command, sizeof(command), "sed -i 's/\"boot_id\":\"..../\"boot_id\":\"0000/' %s",
		 scratch_path("state/state.json"));
	if (system(command))
		scratch_give_up("sed");
	played_change();
	pid = start();
	ok(is_told("EXTEND_TIMEOUT_USEC=130000000") && is_told("STATUS=Generation 5: boot-changed"),
	   "a run at boot asks for time");
	ok(is_told("WATCHDOG=1") && !strstr(told, "READY=1"), "other services wait for it");
	scratch_write("go", "", 0600);
	ok(is_told("READY=1"), "until it is over");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "ended");
}

/* What only waits for its moment must not outlive a daemon that is stopped. */
static void test_jitter(void)
{
	int saved = dup(STDERR_FILENO);
	pid_t pid;

	scratch_mkdir("settings", 0755);
	scratch_write("settings/50-late.conf", "[hook]\njitter=86400\n", 0644);
	scratch_write("hooks/50-late", "#!/bin/sh\n", 0755);
	(void)!freopen(scratch_path("log"), "w", stderr);
	pid = start();
	dup2(saved, STDERR_FILENO);
	close(saved);
	(void)is_told("READY=1");
	played_change();
	(void)scratch_comes("log", "50-late: begins in");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "it is stopped while a hook waits for its moment");
	unlink(scratch_path("settings/50-late.conf"));
	pid = start();
	ok(is_told("; last: changed, hooks that failed: 0"), "the next start runs the hook");
	equal(end_vmgend(pid, SIGTERM), EXIT_STOPPED, "ended");
	ok(strstr(scratch_read("log"), "50-late: left to the next run"), "that is told");
	unlink(scratch_path("hooks/50-late"));
}

static void test_failed_start(void)
{
	int i, status = 0;
	pid_t pid;

	unlink(scratch_path("run/lock/run"));
	(void)!symlink("x", scratch_path("run/lock/run"));
	pid = start();
	for (i = 0; i < SCRATCH_LOOKS && !waitpid(pid, &status, WNOHANG); i++)
		usleep(10000);
	if (!ok(i < SCRATCH_LOOKS && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED, "a start that fails ends"))
		(void)end_vmgend(pid, SIGKILL);
	while (read_more(0))
		;
	ok(!strstr(told, "READY=1"), "and does not say READY");
}

static void test_bad_config(void)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	scratch_write("conf", "[vmgend]\nhook-timeuot=1\n", 0644);
	dup2(fd, STDERR_FILENO);
	close(fd);
	equal(end_vmgend(start(), 0), EXIT_CONFIG, "a mistake in the configuration ends the start");
	dup2(saved, STDERR_FILENO);
	close(saved);
	ok(strstr(scratch_read("log"), "conf:2: unknown key \"hook-timeuot\""), "it is named");
	ok(strstr(scratch_read("log"), "reseeded the kernel's random number generator"), "but nothing skips the reseed");
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[4 * PATH_MAX];

	scratch_create();
	played_create();
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, scratch_path("manager"));
	if (bind(manager, (struct sockaddr *)&address, sizeof(address)))
		scratch_give_up("manager");
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	(void)setenv("WATCHDOG_USEC", "200000", 1);
	scratch_mkdir("hooks", 0755);
	snprintf(text, sizeof(text), "[vmgend]\njitter=0\nfork-sentinels=no\nhook-settings=%s\nhook-path=%s\nintent-file=%s\nseed-file=%s\n",
		 scratch_path("settings"), scratch_path("hooks"), scratch_path("intent"), scratch_path("seed"));
	scratch_write("conf", text, 0644);
	snprintf(text, sizeof(text), "#!/bin/sh\n[ $1 = changed ] && exit\nuntil [ -e %s ]; do sleep 0.05; done\n",
		 scratch_path("go"));
	scratch_write("hooks/10-guard", text, 0755);
	scratch_mkdir("other", 0755);
	scratch_write("other/99-other", "#!/bin/sh\n", 0755);
	test_life();
	test_reload();
	test_boot();
	test_jitter();
	test_failed_start();
	test_bad_config();
	return tap_done();
}
