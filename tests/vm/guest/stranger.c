/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * stranger DIRECTORY COUNT: what a user without rights can do to those who look at
 * processes, all at once, and COUNT processes that only sleep. Prints "ready" when
 * all is there, and goes on until it is killed.
 *
 * stranger sleep COUNT: nothing but those.
 *
 * What would be executed or written by somebody else for its sake makes a file
 * /var/tmp/owned-NAME.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OWNED		"/var/tmp/owned-"
#define TERABYTE	((off_t)1 << 40)
/* An operating system command of terminals, and the introducer of others as one byte. */
#define ESCAPE		"\033]0;OWNED\007\x9b" "31m"

enum {
	PAGE_SIZE = 4096,
	ARGUMENT_SIZE = 100 << 10,	/* each; the kernel takes 128 KiB */
	ARGUMENTS = 8,
	LOCKS = 2000,
	LOOK_NS = 10000000,
};

/* Anyone who asks for these by name gets the stranger's as well. */
static const char *const names[] = {
	"dhclient", "dhcpcd", "samba", "named", "chronyd", "chronyc", "systemd-timesyncd",
	"systemd-networkd", "NetworkManager", "nm-dhcp-helper", "sshd", "vmgend", "vmgend-keeper",
	"openssl", "nginx",
};

/* What a process may be called; 15 bytes count. */
static const char *const comms[] = {
	ESCAPE, "\xff\xfe\x9b" "31m", "a\nok 1 - b\r", "x) S 1 1 1 1 (y", "\xc2\x9b" "31mOWNED",
	"\xe2\x80\xaeOWNED", "\"q\\u0000'<&>", "%s%n%n", "dhclient) Z 1 (", " ", "",
};

static const char *const places[] = { "/tmp", "/var/tmp", "/dev/shm", "/run/user/1000" };

/* Files that programs are known to leave there or to look for. */
static const char *const files[] = {
	"vmgen", "vmgend", "vmgend.pid", "vmgend.lock", "vmgen.sock", ".vmgen.new",
	"status.json", ".status.json.new", "trigger.json", "vmgenctl", "intent", "state.json",
	"dhclient.pid", "dhclient.leases", "dhclient.eth0.leases", "dhcpcd.pid", "dhcpcd",
	"chronyd.sock", "chronyc.sock", "samba", "samba.pid", "sam.ldb", "named.pid",
	"openssl.cnf", "machine-id.vmgen", "ssh_host_ed25519_key.vmgen", "systemd", "leases",
	"libcrypto.so.3", "python3", "systemctl",
};

static const char *directory;

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static const char *path_of(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void __attribute__((noreturn)) sleep_on(void)
{
	for (;;)
		pause();
}

/* What is done where somebody executes this. */
static void write_script(const char *name)
{
	const char *path = path_of("script"), *target = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd < 0 || dprintf(fd, "#!/bin/sh\nid >" OWNED "%s\n", name) < 0)
		die(path);
	close(fd);
	if (rename(path, target))
		die(target);
}

static void copy_self(const char *target)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	char data[1 << 16];
	ssize_t n;

	while ((n = read(from, data, sizeof(data))) > 0)
		if (write(to, data, n) != n)
			die(target);
	if (from < 0 || to < 0 || n)
		die(target);
	close(from);
	close(to);
}

/* Those who are ready close it. */
static int ready_fd;

static pid_t begin(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

/* A process that was started from this file, with what its command line says. */
static void impersonate(const char *path, const char *const argv[], const char *const envp[])
{
	if (begin())
		return;
	(void)fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
	execve(path, (char *const *)argv, (char *const *)envp);
	die(path);
}

/* As a program of the system whose options name a script, and as what it is, a file of ours. */
static void impersonate_all(void)
{
	const char *const none[] = { NULL };
	char system[64], script[512];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = path_of(names[i]);
		const char *const own[] = { path, "3600", NULL };
		const char *const odd[] = { path, "; touch " OWNED "word", "$(touch " OWNED "word)",
					    "\n" ESCAPE, NULL };
		const char *const options[] = { system, "-sf", script, "lo", NULL };

		snprintf(system, sizeof(system), "/sbin/%s", names[i]);
		snprintf(script, sizeof(script), "%s", path_of("options"));
		copy_self(path);
		impersonate(path, own, none);
		impersonate(path, odd, none);
		impersonate(path, options, none);
	}
}

/* When all have started: the path that they name leads to something else, or nowhere. */
static void replace_all(void)
{
	size_t i;

	write_script("options");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], "samba"))
			write_script(names[i]);
		else
			(void)unlink(path_of(names[i]));
}

/* Far more of a command line and an environment than anybody expects. */
static void impersonate_huge(void)
{
	const char *argv[ARGUMENTS + 2] = { "dhclient" }, *envp[ARGUMENTS + 1];
	char *text;
	size_t i;

	text = malloc(ARGUMENT_SIZE);
	if (!text)
		die("malloc");
	memset(text, '\n', ARGUMENT_SIZE - 1);
	text[ARGUMENT_SIZE - 1] = '\0';
	memcpy(text, ESCAPE, sizeof(ESCAPE) - 1);
	for (i = 0; i < ARGUMENTS; i++)
		argv[i + 1] = envp[i] = text;
	argv[ARGUMENTS + 1] = envp[ARGUMENTS] = NULL;
	copy_self(path_of("huge"));
	impersonate(path_of("huge"), argv, envp);
	free(text);
}

/* Nearly all of it are holes, which to look at takes for ever, or all memory. */
static void impersonate_sparse(const char *path)
{
	const char *const argv[] = { "sparse", NULL }, *const none[] = { NULL };

	(void)unlink(path);
	copy_self(path);
	if (truncate(path, TERABYTE))
		die(path);
	impersonate(path, argv, none);
}

/* Something of which its name says that it is OpenSSL. */
static void *map_library(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *page;

	if (fd < 0 || ftruncate(fd, TERABYTE))
		die(path);
	page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die(path);
	return page;
}

static void call_names(void)
{
	const char *place = path_of("d" ESCAPE "\n");
	char library[600];
	size_t i;

	if (mkdir(place, 0755))
		die(place);
	snprintf(library, sizeof(library), "%s/libcrypto.so.3", place);
	for (i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
		if (begin())
			continue;
		(void)map_library(library);
		(void)prctl(PR_SET_NAME, comms[i]);
		close(ready_fd);
		sleep_on();
	}
}

/* A file that shrinks while somebody reads it. */
static void truncate_library(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	const char *path = "/dev/shm/libcrypto.so.3";

	if (begin())
		return;
	(void)map_library(path);
	(void)prctl(PR_SET_NAME, "shrinking");
	close(ready_fd);
	for (;;) {
		(void)truncate(path, 0);
		(void)truncate(path, TERABYTE);
		nanosleep(&pause, NULL);
	}
}

/* In name spaces of its own, with a root where FIFOs stand for files. */
static void move_out(void)
{
	static const char *const fifos[] = {
		"etc/openssl.cnf", "etc/passwd", "etc/resolv.conf", "etc/machine-id", "etc/vmgenid",
	};
	const char *root = path_of("root");
	size_t i;

	if (begin())
		return;
	if (mkdir(root, 0755) || chdir(root) || mkdir("etc", 0755))
		die(root);
	for (i = 0; i < sizeof(fifos) / sizeof(fifos[0]); i++)
		if (mkfifo(fifos[i], 0666))
			die(fifos[i]);
	(void)map_library("libcrypto.so.3");
	if (symlink("etc", "dev") || symlink("etc", "run") || symlink("/../../../etc", "usr") ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) ||
	    chroot(".") || chdir("/"))
		die(root);
	/* The first below it is number 1 there. */
	if (begin())
		(void)prctl(PR_SET_NAME, "vmgend");
	else
		(void)prctl(PR_SET_NAME, "dhclient");
	close(ready_fd);
	sleep_on();
}

/* All that others take a place of their own for, as links and FIFOs. */
static void squat(void)
{
	char path[128], target[128];
	size_t i, j;

	umask(0);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
			snprintf(path, sizeof(path), "%s/%s", places[i], files[j]);
			snprintf(target, sizeof(target), OWNED "%s", files[j]);
			/* As long as it is not there; what a process of ours needs comes later. */
			if ((i + j) % 2 ? mkfifo(path, 0666) : symlink(target, path))
				die(path);
		}
	umask(022);
}

/* The kernel lists all locks to who asks for one. */
static void hold_locks(void)
{
	const struct rlimit limit = { .rlim_cur = LOCKS + 64, .rlim_max = LOCKS + 64 };
	size_t i;
	int fd;

	if (begin())
		return;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < LOCKS; i++) {
		fd = memfd_create("lock", MFD_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX))
			die("flock");
	}
	close(ready_fd);
	sleep_on();
}

static void stop_one(void)
{
	int status;
	pid_t pid = begin();

	if (!pid) {
		(void)prctl(PR_SET_NAME, "dhclient");
		(void)map_library(path_of("libcrypto.so.3"));
		close(ready_fd);
		(void)raise(SIGSTOP);
		sleep_on();
	}
	(void)waitpid(pid, &status, WUNTRACED);
}

static void sleep_many(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!begin()) {
			close(ready_fd);
			sleep_on();
		}
}

static void begin_all(void)
{
	impersonate_all();
	impersonate_huge();
	impersonate_sparse("/dev/shm/sparse");
	impersonate_sparse(path_of("sparse"));
	squat();
	(void)unlink("/dev/shm/libcrypto.so.3");
	truncate_library();
	call_names();
	move_out();
	hold_locks();
	stop_one();
}

int main(int argc, char **argv)
{
	int ready[2];
	bool hostile;
	char c;

	/* Those who were started as somebody else. */
	if (argc != 3 || strcmp(argv[0], "stranger"))
		sleep_on();
	directory = argv[1];
	hostile = strcmp(directory, "sleep");
	if (pipe(ready))
		die("pipe");
	ready_fd = ready[1];
	(void)signal(SIGCHLD, SIG_IGN);
	if (hostile)
		begin_all();
	sleep_many(strtoul(argv[2], NULL, 10));
	close(ready[1]);
	while (read(ready[0], &c, 1) < 0 && errno == EINTR)
		;
	if (hostile)
		replace_all();
	puts("ready");
	fflush(stdout);
	sleep_on();
}
