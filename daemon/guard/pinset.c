/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A set of files that are kept in memory. A file is mapped and locked and
 * never read through that mapping, so one that shrinks does no harm. A
 * directory or symbolic link is held open: that keeps its inode and its place
 * in the kernel's cache of names. What is not in a directory has no place there
 * that could be kept, so the directory's own blocks are locked where they can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocks.h"
#include "pinset.h"

enum {
	/* As many as the kernel follows. */
	MAX_LINKS = 40,
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

struct memory {
	void *start;
	size_t size;
};

struct file {
	int fd;
	struct memory memory;
	struct stat st;
};

struct pins {
	struct node nodes[PINS_MAX_NODES];
	int n_nodes;
	struct file files[PINS_MAX_FILES];
	int n_files;
	/* Of directories. */
	struct memory parts[PINS_MAX_NODES];
	int n_parts;
	size_t bytes;
	/* The first problem of the set, and what the first one of this call was. */
	char problem[PROBLEM_SIZE];
	int error;
};

int pinset_problem(struct pins *pins, int r, const char *format, ...)
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
		return pinset_problem(pins, -EPERM, "%s belongs to user %u, not to root", path,
			       st->st_uid);
	if (!S_ISLNK(st->st_mode) && st->st_mode & (S_IWGRP | S_IWOTH))
		return pinset_problem(pins, -EPERM, "%s can be written by others than root", path);
	return 0;
}

/* Locks a part of a file in memory. A part may be empty. */
static int lock(struct pins *pins, int fd, uint64_t offset, uint64_t size, const char *path,
		struct memory *ret_memory)
{
	uint64_t page = sysconf(_SC_PAGESIZE), start = offset & ~(page - 1);
	struct memory memory = { .size = 0 };
	int r;

	if (size > PINS_MAX_BYTES || pins->bytes + size > PINS_MAX_BYTES)
		return pinset_problem(pins, -EFBIG,
			       "%s: with it more than %d MiB would be locked in memory", path,
			       PINS_MAX_BYTES >> 20);
	/* mmap(2) refuses no bytes. */
	if (!size) {
		*ret_memory = memory;
		return 0;
	}
	memory.size = (offset + size - start + page - 1) & ~(page - 1);
	memory.start = mmap(NULL, memory.size, PROT_READ, MAP_SHARED, fd, start);
	if (memory.start == MAP_FAILED)
		return pinset_problem(pins, -errno, "%s: mmap: %m", path);
	/* Not mlock(2), which AddressSanitizer makes do nothing. */
	if (mlock2(memory.start, memory.size, 0)) {
		r = pinset_problem(pins, -errno,
			    "%s cannot be locked in memory: %m (needs CAP_IPC_LOCK or LimitMEMLOCK=)",
			    path);
		(void)munmap(memory.start, memory.size);
		return r;
	}
	pins->bytes += memory.size;
	*ret_memory = memory;
	return 0;
}

/* So that the kernel knows what is not in a directory. Other file systems cannot have it. */
static void lock_directory(struct pins *pins, int fd, const char *path)
{
	struct blocks blocks[BLOCKS_MAX];
	int device = -1, i, n = blocks_of(fd, blocks, &device);

	if (n < 0)
		return;
	for (i = 0; i < n && pins->n_parts < PINS_MAX_NODES; i++)
		if (!lock(pins, device, blocks[i].offset, blocks[i].size, path,
			  &pins->parts[pins->n_parts]))
			pins->n_parts++;
	close(device);
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
		return pinset_problem(pins, -E2BIG, "%s: more than %d names are in the way", path,
			       PINS_MAX_NODES);
	node.fd = openat(parent == NO_NODE ? AT_FDCWD : pins->nodes[parent].fd, name,
			 O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node.fd < 0)
		return pinset_problem(pins, -errno, "%s: %m", path);
	r = fstat(node.fd, &node.st) ? pinset_problem(pins, -errno, "%s: %m", path) : 0;
	/* What else there is open_file() looks at. */
	if (!r && (S_ISDIR(node.st.st_mode) || S_ISLNK(node.st.st_mode)))
		r = check_owner(pins, &node.st, path);
	if (!r) {
		node.name = strdup(name);
		r = node.name ? 0 : pinset_problem(pins, -ENOMEM, "%s: out of memory", path);
	}
	if (r) {
		close(node.fd);
		return r;
	}
	if (S_ISDIR(node.st.st_mode))
		lock_directory(pins, node.fd, path);
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

int pinset_walk(struct pins *pins, const char *path)
{
	int directory, node, links = 0, r;
	char rest[PATH_MAX], *name, *next;

	if (*path != '/' || strlen(path) >= sizeof(rest))
		return pinset_problem(pins, -EINVAL, "%s is not an absolute path", path);
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
			return pinset_problem(pins, r, "%s: %s", path, strerror(-r));
		if (*rest == '/')
			directory = 0;
		node = directory;
	}
	return node;
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
		return pinset_problem(pins, -errno, "%s: %m", path);
	if (!S_ISREG(ret_file->st.st_mode))
		return pinset_problem(pins, -EINVAL, "%s is not a regular file", path);
	r = check_owner(pins, &ret_file->st, path);
	if (r)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ret_file->fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return ret_file->fd < 0 ? pinset_problem(pins, -errno, "%s: %m", path) : 0;
}

int pinset_add(struct pins *pins, int fd, const char *path, bool *ret_new)
{
	struct file file;
	const struct file *found;
	struct stat st;
	int r;

	found = fstat(fd, &st) ? NULL : find(pins, &st);
	*ret_new = !found;
	if (found)
		return found->fd;
	if (pins->n_files == PINS_MAX_FILES)
		return pinset_problem(pins, -E2BIG, "%s: it would be more than %d files", path,
			       PINS_MAX_FILES);
	r = open_file(pins, fd, path, &file);
	if (r)
		return r;
	r = lock(pins, file.fd, 0, file.st.st_size, path, &file.memory);
	if (r) {
		close(file.fd);
		return r;
	}
	pins->files[pins->n_files++] = file;
	return file.fd;
}

struct pins *pinset_begin(struct pins *pins)
{
	if (!pins)
		pins = calloc(1, sizeof(*pins));
	if (pins)
		pins->error = 0;
	return pins;
}

int pinset_error(const struct pins *pins)
{
	return pins->error;
}

int pinset_add_path(struct pins *pins, const char *path, bool *ret_new)
{
	int node = pinset_walk(pins, path);

	return node < 0 ? node : pinset_add(pins, pins->nodes[node].fd, path, ret_new);
}

/* What is in a directory may change, but if it grew, not all of it is locked. */
static int check_node(const struct pins *pins, const struct node *node)
{
	struct stat st;

	if (fstatat(node->parent == NO_NODE ? AT_FDCWD : pins->nodes[node->parent].fd, node->name,
		    &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? -ESTALE : -errno;
	if (S_ISDIR(st.st_mode))
		return st.st_dev == node->st.st_dev && st.st_ino == node->st.st_ino &&
		       st.st_size == node->st.st_size ? 0 : -ESTALE;
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
		/* Of no bytes nothing is mapped. */
		(void)munmap(pins->files[i].memory.start, pins->files[i].memory.size);
		close(pins->files[i].fd);
	}
	for (i = 0; i < pins->n_parts; i++)
		(void)munmap(pins->parts[i].start, pins->parts[i].size);
	for (i = 0; i < pins->n_nodes; i++) {
		close(pins->nodes[i].fd);
		free(pins->nodes[i].name);
	}
	free(pins);
	return NULL;
}
