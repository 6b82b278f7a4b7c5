/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A process that shares its memory with another one, and executes something else in the
 * middle of the look for fork sentinels: what it says of one memory must not be written
 * into the other, which may be that of a program with the rights of root.
 */
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sentinel/look.h"
#include "scratch.h"
#include "tap.h"

#define MARK	"/dev/" "sysgenid"

enum { HERE, THERE, PLACES, STACK_SIZE = 1 << 16 };

static const uintptr_t places[PLACES] = { 0x300000000000, 0x300000100000 };
/* At this how manieth opening of this file it executes; 0: never. */
static const char *awaited;
static int left;
static int to_actor = -1, from_actor = -1;

/* kinds: for each place 's': a sentinel; '1': another page with a 1; '-': nothing. */
static void map_pages(const char *kinds)
{
	size_t size = sysconf(_SC_PAGESIZE), i;
	uint8_t *page;

	for (i = 0; i < PLACES; i++) {
		if (kinds[i] == '-')
			continue;
		page = mmap((void *)places[i], size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (page == MAP_FAILED || (kinds[i] == 's' && madvise(page, size, MADV_WIPEONFORK)))
			_exit(1);
		*page = 1;
	}
}

static void __attribute__((noreturn)) stay(void)
{
	(void)!write(STDOUT_FILENO, "", 1);
	for (;;)
		pause();
}

/* argv: its path, the pages that are shared, and those of what it executes then. */
static int execute(void *argv)
{
	char **words = argv, byte;

	if (read(STDIN_FILENO, &byte, 1) == 1)
		(void)execl(words[0], words[0], words[2], (char *)NULL);
	_exit(1);
}

static void __attribute__((noreturn)) share(char **argv)
{
	static char stack[STACK_SIZE] __attribute__((aligned(16)));
	pid_t pid;

	map_pages(argv[1]);
	pid = clone(execute, stack + sizeof(stack), CLONE_VM | SIGCHLD, argv);
	(void)!write(STDOUT_FILENO, &pid, sizeof(pid));
	for (;;)
		pause();
}

/* Of the process that is looked at, in the middle of that. */
int openat(int fd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list rest;
	char byte;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if (left && !strcmp(path, awaited) && !--left &&
	    (write(to_actor, "", 1) != 1 || read(from_actor, &byte, 1) != 1))
		scratch_give_up("a process that executes");
	return syscall(SYS_openat, fd, path, flags, mode);
}

static int byte_of(pid_t pid, size_t place)
{
	char path[32];
	uint8_t byte = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pread(fd, &byte, 1, places[place]) != 1)
		scratch_give_up(path);
	close(fd);
	return byte;
}

/* This program, without the name that has it left alone. */
static char *copy_program(void)
{
	char *path = strdup(scratch_path("actor")), *text, *at;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st))
		scratch_give_up("a copy of this program");
	text = malloc(st.st_size);
	if (!text || read(from, text, st.st_size) != st.st_size)
		scratch_give_up("this program");
	while ((at = memmem(text, st.st_size, MARK, strlen(MARK))))
		*at = '_';
	if (write(to, text, st.st_size) != st.st_size)
		scratch_give_up("a copy of this program");
	close(from);
	close(to);
	free(text);
	return path;
}

/* Returns the one that stays; ret_pid: the one that executes. */
static pid_t begin(const char *program, const char *shared, const char *executed, pid_t *ret_pid)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		scratch_give_up("pipe");
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0)
			_exit(1);
		(void)execl(program, program, shared, executed, (char *)NULL);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	to_actor = to[1];
	from_actor = from[0];
	if (read(from_actor, ret_pid, sizeof(*ret_pid)) != sizeof(*ret_pid) || *ret_pid < 0)
		scratch_give_up("processes that share memory");
	return pid;
}

static void test(const char *program, const char *shared, const char *executed, const char *when,
		 int times, uint32_t zeroed, const char *what)
{
	uint32_t counts[TALLY_KINDS] = { 0 };
	pid_t pid, other = begin(program, shared, executed, &pid);
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	awaited = when;
	left = times;
	look_at_process(fd, counts);
	close(fd);
	if (!ok(counts[TALLY_ZEROED] == zeroed && !left && byte_of(other, HERE) == !zeroed &&
		(!times || byte_of(pid, HERE) == 1), "%s", what))
		printf("# zeroed %u, unseen %u: the shared one has %d\n", counts[TALLY_ZEROED],
		       counts[TALLY_UNSEEN], byte_of(other, HERE));
	left = 0;
	(void)kill(pid, SIGKILL);
	(void)kill(other, SIGKILL);
	(void)waitpid(other, NULL, 0);
	close(to_actor);
	close(from_actor);
}

int main(int argc, char **argv)
{
	char *program;

	if (argc > 2)
		share(argv);
	if (argc > 1) {
		map_pages(argv[1]);
		stay();
	}
	scratch_create();
	program = copy_program();
	test(program, "s-", "1-", "", 0, 1, "shared memory with a sentinel has it zeroed");
	test(program, "s-", "1-", "mem", 1, 0, "what is executed before the memory is opened is not written to");
	test(program, "1s", "s-", "smaps", 2, 0, "nor is what was there until then");
	free(program);
	return tap_done();
}
