/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Keeps what a guard needs to start in memory. A file is mapped and locked and
 * never read through that mapping, so one that shrinks does no harm. A
 * directory or symbolic link is held open: that keeps its inode and its place
 * in the kernel's cache of names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interpreter.h"
#include "paths.h"
#include "pin.h"

enum {
	/* As many as the kernel follows; both are its numbers. */
	MAX_LINKS = 40,
	MAX_INTERPRETERS = 5,
	PROBLEM_SIZE = PATH_MAX + 256,
	NO_NODE = -1,
};

/* One name of a directory, and what it leads to. */
struct node {
	int fd;
	/* Which node is the directory; NO_NODE: this is the root directory. */
	int parent;
	char *name;
	struct stat st;
};

struct file {
	int fd;
	void *memory;
	size_t size;
	struct stat st;
};

struct pins {
	struct node nodes[PINS_MAX_NODES];
	int n_nodes;
	struct file files[PINS_MAX_FILES];
	int n_files;
	size_t bytes;
	/* The first problem of the set, and what the first one of this call was. */
	char problem[PROBLEM_SIZE];
	int error;
};

/* Keeps the first problem. Returns r. */
static int __attribute__((format(printf, 3, 4)))
problem(struct pins *pins, int r, const char *format, ...)
{
	va_list args;

	if (!pins->error)
		pins->error = r;
	if (!*pins->problem) {
		va_start(args, format);
		vsnprintf(pins->problem, sizeof(pins->problem), format, args);
		va_end(args);
	}
	return r;
}

/* What a stranger may change is not followed and not mapped. */
static int check_owner(struct pins *pins, const struct stat *st, const char *path)
{
	if (st->st_uid)
		return problem(pins, -EPERM, "%s belongs to user %u, not to root", path,
			       st->st_uid);
	if (!S_ISLNK(st->st_mode) && st->st_mode & (S_IWGRP | S_IWOTH))
		return problem(pins, -EPERM, "%s can be written by others than root", path);
	return 0;
}

/* Returns the node of a name of a directory, or -errno; path: for the message. */
static int add_node(struct pins *pins, int parent, const char *name, const char *path)
{
	struct node node = { .parent = parent };
	int i, r;

	for (i = 0; i < pins->n_nodes; i++)
		if (pins->nodes[i].parent == parent && !strcmp(pins->nodes[i].name, name))
			return i;
	if (pins->n_nodes == PINS_MAX_NODES)
		return problem(pins, -E2BIG, "%s: more than %d names are in the way", path,
			       PINS_MAX_NODES);
	node.fd = openat(parent == NO_NODE ? AT_FDCWD : pins->nodes[parent].fd, name,
			 O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node.fd < 0)
		return problem(pins, -errno, "%s: %m", path);
	r = fstat(node.fd, &node.st) ? problem(pins, -errno, "%s: %m", path) : 0;
	/* What else there is open_file() looks at. */
	if (!r && (S_ISDIR(node.st.st_mode) || S_ISLNK(node.st.st_mode)))
		r = check_owner(pins, &node.st, path);
	if (!r) {
		node.name = strdup(name);
		r = node.name ? 0 : problem(pins, -ENOMEM, "%s: out of memory", path);
	}
	if (r) {
		close(node.fd);
		return r;
	}
	pins->nodes[pins->n_nodes] = node;
	return pins->n_nodes++;
}

/* Puts what a symbolic link leads to in front of the rest of a path. */
static int follow(const struct node *link, char rest[PATH_MAX])
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link->fd, "", target, sizeof(target));

	if (n < 0)
		return -errno;
	if (n + 1 + strlen(rest) + 1 > PATH_MAX)
		return -ENAMETOOLONG;
	memmove(rest + n + 1, rest, strlen(rest) + 1);
	memcpy(rest, target, n);
	rest[n] = '/';
	return 0;
}

/* Goes a path as the kernel would. Returns the node at its end, or -errno. */
static int walk(struct pins *pins, const char *path)
{
	int directory, node, links = 0, r;
	char rest[PATH_MAX], *name, *next;

	if (*path != '/' || strlen(path) >= sizeof(rest))
		return problem(pins, -EINVAL, "%s is not an absolute path", path);
	strcpy(rest, path);
	node = directory = add_node(pins, NO_NODE, "/", path);
	while (node >= 0 && (name = rest + strspn(rest, "/"), *name)) {
		next = name + strcspn(name, "/");
		if (*next)
			*next++ = '\0';
		node = add_node(pins, directory, name, path);
		memmove(rest, next, strlen(next) + 1);
		if (node < 0 || !S_ISLNK(pins->nodes[node].st.st_mode)) {
			directory = node;
			continue;
		}
		r = ++links > MAX_LINKS ? -ELOOP : follow(&pins->nodes[node], rest);
		if (r)
			return problem(pins, r, "%s: %s", path, strerror(-r));
		if (*rest == '/')
			directory = 0;
		node = directory;
	}
	return node;
}

static int lock(struct pins *pins, struct file *file, const char *path)
{
	size_t page = sysconf(_SC_PAGESIZE), size = (file->st.st_size + page - 1) & ~(page - 1);
	int r;

	/* mmap(2) refuses no bytes. */
	if (!size)
		return 0;
	if (file->st.st_size > PINS_MAX_BYTES || pins->bytes + size > PINS_MAX_BYTES)
		return problem(pins, -EFBIG,
			       "%s: with it more than %d MiB would be locked in memory", path,
			       PINS_MAX_BYTES >> 20);
	file->memory = mmap(NULL, size, PROT_READ, MAP_SHARED, file->fd, 0);
	if (file->memory == MAP_FAILED)
		return problem(pins, -errno, "%s: mmap: %m", path);
	/* Not mlock(2), which AddressSanitizer makes do nothing. */
	if (mlock2(file->memory, size, 0)) {
		r = problem(pins, -errno,
			    "%s cannot be locked in memory: %m (needs CAP_IPC_LOCK or LimitMEMLOCK=)",
			    path);
		(void)munmap(file->memory, size);
		return r;
	}
	file->size = size;
	pins->bytes += size;
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Returns a file of this set, or NULL. */
static const struct file *find(const struct pins *pins, const struct stat *st)
{
	int i;

	for (i = 0; i < pins->n_files; i++)
		if (same(&pins->files[i].st, st))
			return &pins->files[i];
	return NULL;
}

/* Opens an O_PATH descriptor of a regular file of root's; others might block, or do something. */
static int open_file(struct pins *pins, int fd, const char *path, struct file *ret_file)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	int r;

	if (fstat(fd, &ret_file->st))
		return problem(pins, -errno, "%s: %m", path);
	if (!S_ISREG(ret_file->st.st_mode))
		return problem(pins, -EINVAL, "%s is not a regular file", path);
	r = check_owner(pins, &ret_file->st, path);
	if (r)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ret_file->fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return ret_file->fd < 0 ? problem(pins, -errno, "%s: %m", path) : 0;
}

/* Returns a descriptor of the file that is the set's, or -errno. ret_new: it was not there. */
static int add_file(struct pins *pins, int fd, const char *path, bool *ret_new)
{
	struct file file = { .size = 0 };
	const struct file *found;
	struct stat st;
	int r;

	found = fstat(fd, &st) ? NULL : find(pins, &st);
	*ret_new = !found;
	if (found)
		return found->fd;
	if (pins->n_files == PINS_MAX_FILES)
		return problem(pins, -E2BIG, "%s: it would be more than %d files", path,
			       PINS_MAX_FILES);
	r = open_file(pins, fd, path, &file);
	if (r)
		return r;
	r = lock(pins, &file, path);
	if (r) {
		close(file.fd);
		return r;
	}
	pins->files[pins->n_files++] = file;
	return file.fd;
}

static int add_starters(struct pins *pins, int fd, const char *path, unsigned int depth);

/* Keeps a program or another file by its path, and what that needs. */
static int add_path(struct pins *pins, const char *path, unsigned int depth)
{
	int node = walk(pins, path), fd;
	bool new;

	if (node < 0)
		return node;
	fd = add_file(pins, pins->nodes[node].fd, path, &new);
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
		return problem(pins, -errno, "%s: %m", path);
	program[n] = '\0';
	add_lists(pins);
	r = interpreter_libraries(loader, program, add_library, pins);
	return r ? problem(pins, r, "%s --list %s: %s", loader, program, strerror(-r)) : 0;
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
	return problem(pins, -ENOENT, "%s is in no directory of %s", name, PATH_PROGRAMS);
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
		return problem(pins, r, "%s: %s", path, strerror(-r));
	r = add_path(pins, interpreter.path, depth + 1);
	if (r)
		return r;
	if (interpreter.loader)
		return add_libraries(pins, interpreter.path, fd, path);
	name = is_env(interpreter.path) ? interpreter_env_program(interpreter.argument) : NULL;
	return name ? add_named(pins, name, depth + 1) : 0;
}

static int begin(struct pins **pins)
{
	if (!*pins)
		*pins = calloc(1, sizeof(**pins));
	if (!*pins)
		return -ENOMEM;
	(*pins)->error = 0;
	return 0;
}

int pin_program(int fd, const char *path, struct pins **pins)
{
	bool new;
	int r = begin(pins);

	if (r)
		return r;
	r = add_file(*pins, fd, path, &new);
	if (r >= 0 && new)
		(void)add_starters(*pins, r, path, 0);
	return (*pins)->error;
}

int pin_file(const char *path, struct pins **pins)
{
	int r = begin(pins);

	if (r)
		return r;
	(void)add_path(*pins, path, 0);
	return (*pins)->error;
}

/* Of a directory what is in it may change. */
static int check_node(const struct pins *pins, const struct node *node)
{
	struct stat st;

	if (fstatat(node->parent == NO_NODE ? AT_FDCWD : pins->nodes[node->parent].fd, node->name,
		    &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? -ESTALE : -errno;
	if (S_ISDIR(st.st_mode))
		return st.st_dev == node->st.st_dev && st.st_ino == node->st.st_ino ? 0 : -ESTALE;
	return same(&st, &node->st) ? 0 : -ESTALE;
}

static int check_content(const struct file *file)
{
	struct stat st;
	char byte;

	if (fstat(file->fd, &st) || pread(file->fd, &byte, 1, 0) < 0)
		return -errno;
	return same(&st, &file->st) ? 0 : -ESTALE;
}

int pins_refresh(const struct pins *pins)
{
	int i, r = 0;

	for (i = 0; !r && i < pins->n_nodes; i++)
		r = check_node(pins, &pins->nodes[i]);
	for (i = 0; !r && i < pins->n_files; i++)
		r = check_content(&pins->files[i]);
	return r;
}

size_t pins_bytes(const struct pins *pins)
{
	return pins ? pins->bytes : 0;
}

const char *pins_problem(const struct pins *pins)
{
	return pins->problem;
}

struct pins *pins_free(struct pins *pins)
{
	int i;

	if (!pins)
		return NULL;
	for (i = 0; i < pins->n_files; i++) {
		if (pins->files[i].size)
			(void)munmap(pins->files[i].memory, pins->files[i].size);
		close(pins->files[i].fd);
	}
	for (i = 0; i < pins->n_nodes; i++) {
		close(pins->nodes[i].fd);
		free(pins->nodes[i].name);
	}
	free(pins);
	return NULL;
}
