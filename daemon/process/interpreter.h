/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What starts a program: the interpreter of a script, the loader of a dynamic
 * executable, and the libraries that this one would load.
 */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include <limits.h>
#include <stdbool.h>

/* The kernel looks no further for the end of the first line of a script. */
enum { INTERPRETER_LINE_SIZE = 256 };

struct interpreter {
	char path[PATH_MAX];
	/* A loader of shared libraries, and not the interpreter of a script. */
	bool loader;
	/* What a script's gets in front of the script; "": nothing. */
	char argument[INTERPRETER_LINE_SIZE];
};

/*
 * Reads of a program what starts it. Returns 0; -ENOENT: nothing does, it is
 * static; -ENOEXEC: neither a script nor an executable of this machine; or
 * -errno.
 */
int interpreter_read(int fd, struct interpreter *ret_interpreter);

/*
 * Returns the name of the program that env(1) would look for with this
 * argument, in text of the argument's own; NULL: it names none.
 */
char *interpreter_env_program(char *argument);

/* Told about each library. */
typedef void (*interpreter_library)(const char *path, void *data);

/*
 * Asks a loader, which must be trusted, for the libraries of a program. It is
 * ended after two seconds. Returns 0; -ETIMEDOUT; -ELIBACC: it could not say,
 * or not for all; or -errno. What it said before is told in each case.
 */
int interpreter_libraries(const char *loader, const char *program, interpreter_library tell,
			  void *data);

#endif /* INTERPRETER_H */
