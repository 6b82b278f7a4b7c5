/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * PID 1 of the test guests: mounts the kernel's file systems and then runs the
 * commands that the host sends over the second serial port, one at a time.
 *
 * Any error here panics the guest, which ends QEMU: the host never
 * mistakes silence for success.
 *
 * Protocol. After start the guest writes "vmgen-init\n". The host writes
 * "LENGTH\n" and LENGTH bytes for /bin/sh -c; the guest answers
 * "STATUS LENGTH\n" and LENGTH bytes of standard output and error together.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	MAX_COMMAND = 1 << 20,
	SIGNALLED = 128, /* the shell's way to say which signal ended a command */
};

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "vmgen-init: %s: %s\n", what, strerror(errno));
	tcdrain(STDERR_FILENO);
	_exit(1); /* the end of PID 1 is a kernel panic */
}

static void mount_at(const char *type, const char *dir, const char *data)
{
	if (mkdir(dir, 0755) && errno != EEXIST)
		fail(dir);
	if (mount(type, dir, type, 0, data))
		fail(dir);
}

static void mount_filesystems(void)
{
	/* Everybody may write to the first root of some kernels, which vmgend does not trust. */
	if (chmod("/", 0755))
		fail("/");
	mount_at("devtmpfs", "/dev", NULL);
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("cgroup2", "/sys/fs/cgroup", NULL);
	mount_at("tmpfs", "/dev/shm", "mode=1777");
	mount_at("tmpfs", "/tmp", "mode=1777");
}

static int open_channel(void)
{
	struct termios t;
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &t))
		fail("/dev/ttyS1");
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	cfsetspeed(&t, B115200);
	if (tcsetattr(fd, TCSANOW, &t) || tcflush(fd, TCIFLUSH))
		fail("/dev/ttyS1");
	return fd;
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno != EINTR)
			fail("write to the host");
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
}

static void read_all(int fd, char *buf, size_t len)
{
	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n == 0)
			errno = EPIPE;
		if (n <= 0 && errno != EINTR)
			fail("read from the host");
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
}

/* The caller frees the command. */
static char *read_command(int channel)
{
	char head[16];
	size_t i = 0;

	do {
		if (i == sizeof(head) - 1) {
			errno = EMSGSIZE;
			fail("length of a command");
		}
		read_all(channel, &head[i], 1);
	} while (head[i++] != '\n');
	head[i] = '\0';

	char *end;
	unsigned long len = strtoul(head, &end, 10);

	if (end == head || *end != '\n' || len > MAX_COMMAND) {
		errno = EBADMSG;
		fail("length of a command");
	}

	char *command = malloc(len + 1);

	if (!command)
		fail("memory for a command");
	read_all(channel, command, len);
	command[len] = '\0';
	return command;
}

__attribute__((noreturn)) static void exec_command(const char *command, int output)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(126);
	if (null > 2)
		close(null);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* Collects all that have ended; returns true and the status once that was child (-1: nobody). */
static bool reap(pid_t child, int options, int *ret_status)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, options);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return false;
		if (pid != child)
			continue;
		*ret_status = WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) :
						    WEXITSTATUS(status);
		return true;
	}
}

/*
 * The output goes to memory, not through a pipe: a background job that keeps
 * its end open can then neither delay the answer nor be killed by SIGPIPE.
 */
static void run_command(int channel, const char *command)
{
	int output = memfd_create("output", MFD_CLOEXEC);
	int status;
	struct stat st;
	char head[48];

	if (output < 0 || fcntl(output, F_SETFL, O_APPEND))
		fail("memory for the output");

	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0)
		exec_command(command, output);
	if (!reap(child, 0, &status))
		fail("waitpid");

	if (fstat(output, &st))
		fail("fstat");
	snprintf(head, sizeof(head), "%d %lld\n", status, (long long)st.st_size);
	write_all(channel, head, strlen(head));
	if (st.st_size) {
		char *text = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, output, 0);

		if (text == MAP_FAILED)
			fail("mmap");
		write_all(channel, text, st.st_size);
		munmap(text, st.st_size);
	}
	close(output);
}

static void serve(int channel, int children)
{
	struct pollfd fds[] = {
		{ .fd = channel, .events = POLLIN },
		{ .fd = children, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail("poll");
		if (fds[1].revents & POLLIN) {
			read_all(children, (char *)&info, sizeof(info));
			reap(-1, WNOHANG, &status);
		}
		if (fds[0].revents) {
			char *command = read_command(channel);

			run_command(channel, command);
			free(command);
		}
	}
}

int main(void)
{
	sigset_t set;

	/* In a whole system, whose own PID 1 has done this, it is a service. */
	if (getpid() == 1)
		mount_filesystems();
	umask(022);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/", 1);

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);

	int children = signalfd(-1, &set, SFD_CLOEXEC);
	int channel = open_channel();

	if (children < 0)
		fail("signalfd");
	write_all(channel, "vmgen-init\n", 11);
	serve(channel, children);
}
