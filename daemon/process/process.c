/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Starts a program from a checked descriptor. Parent and child talk through a
 * socket: the child says that it stands by, the parent that it has to go, and the
 * child why it could not; a successful exec closes it. A program that waits has another
 * socket, which holds its packet also when it has not been executed yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "base/compat.h"
#include "cgroup.h"
#include "child.h"
#include "process.h"

enum {
	EXEC_FD = 3,
	CONTROL_FD = 4,
	/* For all that comes before the program's file is read. */
	PREPARE_LIMIT_MS = 30000,
};

#define EXEC_PATH "/proc/self/fd/3"

/* The child's ends of what it has in common with the parent. */
struct ends {
	/* -1: /dev/null. */
	int input_fd;
	int output_fd, control_fd;
};

/* Puts the descriptors in their places and closes all others. */
static int arrange_descriptors(int exec_fd, const struct ends *ends)
{
	int input_fd, output_fd, control_fd;

	/* First out of the way, so that no dup2() below hits another. */
	exec_fd = fcntl(exec_fd, F_DUPFD, CONTROL_FD + 1);
	output_fd = fcntl(ends->output_fd, F_DUPFD, CONTROL_FD + 1);
	control_fd = fcntl(ends->control_fd, F_DUPFD, CONTROL_FD + 1);
	input_fd = ends->input_fd < 0 ? open("/dev/null", O_RDONLY) :
					fcntl(ends->input_fd, F_DUPFD, CONTROL_FD + 1);
	if (exec_fd < 0 || output_fd < 0 || control_fd < 0 || input_fd < 0 ||
	    dup2(input_fd, STDIN_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0 ||
	    dup3(exec_fd, EXEC_FD, O_CLOEXEC) < 0 ||
	    dup3(control_fd, CONTROL_FD, O_CLOEXEC) < 0 || close_range(CONTROL_FD + 1, ~0U, 0))
		return -errno;
	return 0;
}

/* A hook that nobody looks after any more would run beside the next attempt. */
static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int prepare(const struct program *program, pid_t parent, const struct ends *ends)
{
	int r;

	child_reset_signals(0);
	child_become_ordinary(program->waits);
	umask(022);
	if (setsid() < 0 || chdir("/"))
		return -errno;
	if (program->cgroup_fd >= 0)
		(void)cgroup_enter(program->cgroup_fd);
	r = die_with(parent);
	return r ? r : arrange_descriptors(program->fd, ends);
}

/*
 * Not before it goes: that user could stop a process that stands by, or take its
 * limits away, and nobody would know before the hook does not run.
 */
static int become(const struct account *account, pid_t parent)
{
	int r = account ? account_become(account) : 0;

	/* Another user loses this setting. */
	return r ? r : die_with(parent);
}

/* Tells the parent and ends, unless there is no error to tell. */
static void tell(int fd, int error)
{
	if (write(fd, &error, sizeof(error)) != sizeof(error) || error)
		_exit(127);
}

/* Looked at by a child that stands by: the disk may take long. */
static bool is_script(void)
{
	int fd = open(EXEC_PATH, O_RDONLY | O_CLOEXEC);
	char start[2] = "";

	if (fd < 0)
		return false;
	(void)!read(fd, start, sizeof(start));
	close(fd);
	return start[0] == '#' && start[1] == '!';
}

static void __attribute__((noreturn))
child(const struct program *program, pid_t parent, const struct ends *ends)
{
	int error = -prepare(program, parent, ends);
	bool script;
	char go;

	if (error)
		tell(ends->control_fd, error);
	tell(CONTROL_FD, 0);
	script = is_script();
	if (read(CONTROL_FD, &go, sizeof(go)) != sizeof(go))
		_exit(127);
	error = -become(program->account, parent);
	if (error)
		tell(CONTROL_FD, error);
	if (!script)
		execveat(EXEC_FD, "", program->argv, program->envp, AT_EMPTY_PATH);
	/*
	 * A script's interpreter opens the script again, so the kernel refuses
	 * one that is close-on-exec with ENOENT. Only a script gets to keep the
	 * descriptor. execveat() would call it /dev/fd/3, which does not exist
	 * before udev; this name leads to the same checked file.
	 */
	if ((script || errno == ENOENT) && !fcntl(EXEC_FD, F_SETFD, 0))
		execve(EXEC_PATH, program->argv, program->envp);
	tell(CONTROL_FD, errno);
	_exit(127);
}

/* Returns what the child tells: 0 or -errno; 1: it has executed, or has died. */
static int hear(int control_fd, int limit_ms)
{
	struct pollfd fd = { .fd = control_fd, .events = POLLIN };
	int error, n;

	do {
		n = poll(&fd, 1, limit_ms);
	} while (n < 0 && errno == EINTR);
	if (!n)
		return -ETIMEDOUT;
	return read(control_fd, &error, sizeof(error)) == sizeof(error) ? -error : 1;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int fork_child(const struct program *program, int input_fd, int output_fd, pid_t *ret_pid,
		      int *ret_control_fd)
{
	pid_t parent = getpid(), pid;
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		child(program, parent, &(struct ends){
			.input_fd = input_fd, .output_fd = output_fd, .control_fd = fds[1],
		});
	}
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (!r)
		r = hear(fds[0], PREPARE_LIMIT_MS);
	if (!r) {
		*ret_pid = pid;
		*ret_control_fd = fds[0];
		return 0;
	}
	close(fds[0]);
	if (r == -ETIMEDOUT)
		(void)kill(pid, SIGKILL);
	else if (pid > 0)
		reap(pid);
	/* Killed, before it could say anything. */
	return r < 0 ? r : -ESRCH;
}

int process_prepare(const struct program *program, struct process *ret_process)
{
	int input_fds[2] = { -1, -1 }, output_fds[2], r;
	struct process process;

	if (program->waits && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, input_fds))
		return -errno;
	if (pipe2(output_fds, O_CLOEXEC)) {
		r = -errno;
		goto err_input;
	}
	/* Only this end: the hook must block when it writes too fast. */
	if (fcntl(output_fds[0], F_SETFL, O_NONBLOCK)) {
		r = -errno;
		close(output_fds[1]);
		goto err_output;
	}
	process.output_fd = output_fds[0];
	process.input_fd = input_fds[0];
	process.begun = false;
	r = fork_child(program, input_fds[1], output_fds[1], &process.pid, &process.control_fd);
	close(output_fds[1]);
	if (r)
		goto err_output;
	process.pid_fd = pidfd_open(process.pid, 0);
	if (process.pid_fd < 0) {
		r = -errno;
		goto err_process;
	}
	if (program->waits)
		close(input_fds[1]);
	*ret_process = process;
	return 0;

err_process:
	close(process.control_fd);
	(void)kill(-process.pid, SIGKILL);
	reap(process.pid);
err_output:
	close(output_fds[0]);
err_input:
	if (program->waits) {
		close(input_fds[0]);
		close(input_fds[1]);
	}
	return r;
}

void process_begin(struct process *process)
{
	/* If it has been killed meanwhile, that shows when it is to go. */
	process->begun = send(process->control_fd, "", 1, MSG_NOSIGNAL) == 1;
}

/* Of what waits, with all that it has started meanwhile. */
static void kill_child(const struct process *process)
{
	(void)kill(process->input_fd < 0 ? process->pid : -process->pid, SIGKILL);
}

static void drop(struct process *process)
{
	close(process->control_fd);
	close(process->pid_fd);
	close(process->output_fd);
	if (process->input_fd >= 0)
		close(process->input_fd);
	process->input_fd = -1;
}

int process_take(struct process *process, int *ret_output_fd, siginfo_t *ret_end)
{
	siginfo_t end = { .si_pid = 0 };
	int r;

	/* While it is not reaped, its session is nobody else's. */
	if (waitid(P_PID, process->pid, &end, WEXITED | WNOHANG | WNOWAIT))
		return -errno;
	if (!end.si_pid)
		return -EAGAIN;
	kill_child(process);
	reap(process->pid);
	r = hear(process->control_fd, 0);
	if (r >= 0) {
		*ret_end = end;
		*ret_output_fd = process->output_fd;
		process->output_fd = -1;
	}
	drop(process);
	return r < 0 ? r : 0;
}

/*
 * Gives a program that waited the caller's place before all others, not sooner: it may have a
 * fault, and nothing ends it before its time begins. By turns with the caller and its like, who
 * end it then; and what it starts is in no hurry.
 */
static void hurry(pid_t pid)
{
	struct sched_param param;

	if (sched_getscheduler(0) == SCHED_FIFO && !sched_getparam(0, &param))
		(void)sched_setscheduler(pid, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

int process_go(struct process *process, const void *packet, size_t size, unsigned int limit_ms)
{
	/* It may have been killed while it stood by. */
	int r = -ESRCH;

	if (!process->begun)
		process_begin(process);
	if (process->input_fd >= 0)
		hurry(process->pid);
	if (process->begun && (process->input_fd < 0 ||
			       send(process->input_fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0))
		r = hear(process->control_fd, limit_ms);
	if (r >= 0) {
		close(process->control_fd);
		process->control_fd = -1;
		return 0;
	}
	/*
	 * Its file lies where nobody answers, and perhaps SIGKILL does not reach it there. What
	 * waited may have closed its standard input, and go on.
	 */
	if (r == -ETIMEDOUT || process->input_fd >= 0)
		kill_child(process);
	else
		reap(process->pid);
	drop(process);
	return r;
}

bool process_missed(const struct process *process)
{
	socklen_t size = sizeof(int);
	int error = 0;

	/* Linux says so where what was sent lies unread in a socket that nobody has any more. */
	return process->input_fd >= 0 &&
	       !getsockopt(process->input_fd, SOL_SOCKET, SO_ERROR, &error, &size) &&
	       error == ECONNRESET;
}

void process_abandon(struct process *process)
{
	kill_child(process);
	drop(process);
}
