/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Programs with memory of a shape that a test wants, in Python: as none of ours they do
 * not know /dev/sysgenid. Each prints "ready", and answers each line with a line.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "scratch.h"

/* A page with a 1, and its beginning in hexadecimal digits as the answer. */
#define STANDIN_SENTINEL "p = pages(1); put(p, 1); serve(p)"

static const char standin_prelude[] =
	"import ctypes as c, os, platform, struct, sys, threading\n"
	"libc = c.CDLL(None, use_errno=True)\n"
	"libc.mmap.restype = libc.madvise.restype = c.c_long\n"
	"size = os.sysconf('SC_PAGESIZE')\n"
	"def pages(n, wiped=1, flags=0x22, fd=-1):\n"
	"    # With one on each side, so that no other mapping becomes a part of it.\n"
	"    at = libc.mmap(None, c.c_long((n + 2) * size), 3, flags, fd, c.c_long(0)) + size\n"
	"    if wiped: assert not libc.madvise(c.c_long(at), c.c_long(n * size), 18)\n"
	"    return at\n"
	"def put(at, *words):\n"
	"    c.memmove(at, struct.pack('%dQ' % len(words), *words), 8 * len(words))\n"
	"def protect(at, rights): assert not libc.mprotect(c.c_long(at), c.c_long(size), rights)\n"
	"def serve(at): answer(lambda: c.string_at(at, 16).hex())\n"
	"def answer(what):\n"
	"    print('ready', flush=True)\n"
	"    for line in sys.stdin: print(what(), flush=True)\n";

struct standin {
	pid_t pid;
	FILE *to, *from;
};

static inline const char *standin_ask(const struct standin *standin, char text[64])
{
	fputs("\n", standin->to);
	fflush(standin->to);
	if (!fgets(text, 64, standin->from))
		return strcpy(text, "it is gone");
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static inline struct standin standin_start(const char *script)
{
	struct standin standin;
	char line[64] = "", *text;
	int to[2], from[2];

	if (asprintf(&text, "%s%s", standin_prelude, script) < 0 || pipe2(to, O_CLOEXEC) ||
	    pipe2(from, O_CLOEXEC))
		scratch_give_up("pipe");
	standin.pid = fork();
	if (!standin.pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0 || chdir(scratch_directory))
			_exit(1);
		(void)unsetenv("LD_PRELOAD");
		execlp("python3", "python3", "-c", text, (char *)NULL);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	free(text);
	standin.to = fdopen(to[1], "w");
	standin.from = fdopen(from[0], "r");
	if (!fgets(line, sizeof(line), standin.from) || strcmp(line, "ready\n"))
		scratch_give_up("python3");
	return standin;
}

static inline void standin_stop(struct standin *standin)
{
	(void)kill(standin->pid, SIGKILL);
	(void)waitpid(standin->pid, NULL, 0);
	fclose(standin->to);
	fclose(standin->from);
}

/* In a list of processes, the directory "proc". */
static inline void standin_list(const struct standin *standin, bool add)
{
	char target[32];

	snprintf(target, sizeof(target), "/proc/%d", (int)standin->pid);
	if (add ? symlink(target, scratch_path("proc/%d", (int)standin->pid)) :
	    unlink(scratch_path("proc/%d", (int)standin->pid)))
		scratch_give_up("a list of processes");
}

#endif /* STANDIN_H */
