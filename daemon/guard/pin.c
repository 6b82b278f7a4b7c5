/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a guard needs to start: its interpreters, as the kernel looks for them,
 * and the libraries that its loader names.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "pin.h"
#include "pinset.h"
#include "process/interpreter.h"

/* As many as the kernel follows. */
enum { MAX_INTERPRETERS = 5 };

static int add_starters(struct pins *pins, int fd, const char *path, unsigned int depth);

/* Keeps a program or another file by its path, and what that needs. */
static int add_path(struct pins *pins, const char *path, unsigned int depth)
{
	bool new;
	int fd = pinset_add_path(pins, path, &new);

	if (fd < 0)
		return fd;
	return new ? add_starters(pins, fd, path, depth) : 0;
}

static void add_library(const char *path, void *data)
{
	struct pins *pins = data;

	(void)add_path(pins, path, MAX_INTERPRETERS);
}

/* Most systems have no such list; what is in the list is among the libraries. */
static void add_lists(struct pins *pins)
{
	static const char *const lists[] = { "/etc/ld.so.cache", "/etc/ld.so.preload" };
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (!access(lists[i], F_OK))
			(void)add_path(pins, lists[i], MAX_INTERPRETERS);
}

static int add_libraries(struct pins *pins, const char *loader, int fd, const char *path)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(fd)], program[PATH_MAX];
	ssize_t n;
	int r;

	/* The loader looks for $ORIGIN where the file is, not where a link to it is. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, program, sizeof(program) - 1);
	if (n < 0)
		return pinset_problem(pins, -errno, "%s: %m", path);
	program[n] = '\0';
	add_lists(pins);
	r = interpreter_libraries(loader, program, add_library, pins);
	return r ? pinset_problem(pins, r, "%s --list %s: %s", loader, program, strerror(-r)) : 0;
}

/* What "#!/usr/bin/env NAME" finds. */
static int add_named(struct pins *pins, const char *name, unsigned int depth)
{
	char directories[] = PATH_PROGRAMS, path[PATH_MAX], *rest, *directory;

	if (*name == '/')
		return add_path(pins, name, depth);
	for (directory = strtok_r(directories, ":", &rest); directory;
	     directory = strtok_r(NULL, ":", &rest))
		if (snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
		    !access(path, X_OK))
			return add_path(pins, path, depth);
	return pinset_problem(pins, -ENOENT, "%s is in no directory of %s", name, PATH_PROGRAMS);
}

/* Where the commands of a script are looked for, so that a search does not end at a directory. */
static void add_search_path(struct pins *pins)
{
	char directories[] = PATH_PROGRAMS, *rest, *directory;

	for (directory = strtok_r(directories, ":", &rest); directory;
	     directory = strtok_r(NULL, ":", &rest))
		if (!access(directory, F_OK))
			(void)pinset_walk(pins, directory);
}

static bool is_env(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && !strcmp(name, "/env");
}

/* Keeps what starts the program that is open as fd. */
static int add_starters(struct pins *pins, int fd, const char *path, unsigned int depth)
{
	struct interpreter interpreter;
	char *name;
	int r;

	/* Libraries and lists need nothing that is not listed with the program. */
	if (depth >= MAX_INTERPRETERS)
		return 0;
	r = interpreter_read(fd, &interpreter);
	/* A static program, or what is no program. */
	if (r == -ENOENT || r == -ENOEXEC)
		return 0;
	if (r)
		return pinset_problem(pins, r, "%s: %s", path, strerror(-r));
	r = add_path(pins, interpreter.path, depth + 1);
	if (r)
		return r;
	if (interpreter.loader)
		return add_libraries(pins, interpreter.path, fd, path);
	add_search_path(pins);
	name = is_env(interpreter.path) ? interpreter_env_program(interpreter.argument) : NULL;
	return name ? add_named(pins, name, depth + 1) : 0;
}

int pin_program(int fd, const char *path, struct pins **pins)
{
	struct pins *set = pinset_begin(*pins);
	bool new;
	int r;

	if (!set)
		return -ENOMEM;
	*pins = set;
	r = pinset_add(set, fd, path, &new);
	if (r >= 0 && new)
		(void)add_starters(set, r, path, 0);
	return pinset_error(set);
}

int pin_file(const char *path, struct pins **pins)
{
	struct pins *set = pinset_begin(*pins);

	if (!set)
		return -ENOMEM;
	*pins = set;
	(void)add_path(set, path, 0);
	return pinset_error(set);
}
