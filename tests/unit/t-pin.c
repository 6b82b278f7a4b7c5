/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is kept in memory for a guard, and what is refused. The kernel tells
 * what is locked.
 */
#include <errno.h>
#include <stdint.h>

#include "process/interpreter.h"
#include "pinned.h"
#include "tap.h"

static unsigned long locked_kib(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "VmLck: %lu", &kib) != 1)
		;
	fclose(file);
	return kib;
}

/* Is a directory or symbolic link itself held open? */
static bool is_held(const char *path)
{
	struct stat wanted, st;
	int fd;

	if (lstat(path, &wanted))
		scratch_give_up(path);
	for (fd = 0; fd < 1024; fd++)
		if (!fstat(fd, &st) && st.st_ino == wanted.st_ino && st.st_dev == wanted.st_dev)
			return true;
	return false;
}

static int open_descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

struct found {
	char loader[PATH_MAX], libc[PATH_MAX];
};

/* Where libc is, as the loader says. */
static void note_libc(const char *path, void *data)
{
	struct found *found = data;

	if (strstr(path, "/libc.") || strstr(path, "/ld-musl"))
		strcpy(found->libc, path);
}

static void find_libraries(const char *program, struct found *ret_found)
{
	struct interpreter interpreter;
	int fd = open(program, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || interpreter_read(fd, &interpreter) || !interpreter.loader)
		scratch_give_up(program);
	close(fd);
	strcpy(ret_found->loader, interpreter.path);
	equal(interpreter_libraries(interpreter.path, program, note_libc, ret_found), 0,
	      "a loader lists libraries");
}

/* The links of the system on the way to a program are held as well. */
static void check_links(void)
{
	static const char *const links[] = { "/bin", "/lib64", "/bin/sh" };
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (!lstat(links[i], &st) && S_ISLNK(st.st_mode))
			ok(is_held(links[i]), "the link %s is held", links[i]);
}

static void test_script(void)
{
	struct found found = { .libc = "" };
	struct pins *pins = NULL;
	int before = open_descriptors();

	find_libraries("/bin/sh", &found);
	scratch_write("script", "#! /bin/sh -e\nexit 1\n", 0755);
	equal(pin(scratch_path("script"), &pins), 0, "a script is pinned");
	ok(!*pins_problem(pins), "nothing is amiss: \"%s\"", pins_problem(pins));
	ok(is_locked(scratch_path("script")), "the script is locked");
	ok(is_locked("/bin/sh"), "its interpreter is locked");
	ok(is_locked(found.loader), "%s is locked", found.loader);
	ok(is_locked(found.libc), "%s is locked", found.libc);
	ok(is_locked("/etc/ld.so.cache"), "the list of libraries is locked");
	ok(!is_locked("/bin/cat"), "others are not");
	check_links();
	equal(locked_kib(), pins_bytes(pins) / 1024, "the size is the kernel's");
	equal(pins_refresh(pins), 0, "all is where it was");
	ok(!pins_free(pins), "freed");
	equal(locked_kib(), 0, "then nothing is locked");
	equal(open_descriptors(), before, "and no descriptor is left");
}

static void test_set(void)
{
	struct pins *pins = NULL;
	size_t bytes;

	equal(pins_bytes(NULL), 0, "no set locks nothing");
	scratch_write("one", "#!/bin/sh\n", 0755);
	scratch_write("two", "#!/bin/sh\n", 0755);
	scratch_write("data", "data", 0644);
	equal(pin(scratch_path("one"), &pins), 0, "one");
	bytes = pins_bytes(pins);
	equal(pin(scratch_path("two"), &pins), 0, "and another of the same set");
	equal(pins_bytes(pins) - bytes, sysconf(_SC_PAGESIZE), "what both need is locked once");
	equal(pin_file(scratch_path("data"), &pins), 0, "a file that is no program");
	ok(is_locked(scratch_path("data")), "is locked");
	equal(pin_file("/bin/cat", &pins), 0, "a program by its path");
	ok(is_locked("/bin/cat"), "is locked");
	pins_free(pins);
}

/* What env finds starts as well; its line may have options and variables. */
static void test_env(void)
{
	static const char *const lines[] = {
		"#!/usr/bin/env cat\n", "#!/usr/bin/env -S A=b cat -u\n", "#!/usr/bin/env -Scat -u\n",
	};
	struct pins *pins;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		pins = NULL;
		scratch_write("env", lines[i], 0755);
		equal(pin(scratch_path("env"), &pins), 0, "a script of env's is pinned");
		ok(is_locked("/usr/bin/env") && is_locked("/bin/cat"), "env and what it finds");
		pins_free(pins);
	}
	pins = NULL;
	scratch_write("env", "#!/usr/bin/env no-such-program\n", 0755);
	equal(pin(scratch_path("env"), &pins), -ENOENT, "one that env does not find");
	ok(!strncmp(pins_problem(pins), "no-such-program is in no directory", 34), "is told: %s",
	   pins_problem(pins));
	ok(is_locked("/usr/bin/env"), "the others are locked all the same");
	pins_free(pins);
}

/* A script may be the interpreter of another one, but the kernel has a limit. */
static void test_chain(void)
{
	struct pins *pins = NULL;
	char line[PATH_MAX + 4];

	scratch_write("inner", "#!/bin/sh\n", 0755);
	sprintf(line, "#!%s\n", scratch_path("inner"));
	scratch_write("outer", line, 0755);
	equal(pin(scratch_path("outer"), &pins), 0, "a script of a script is pinned");
	ok(is_locked(scratch_path("inner")) && is_locked("/bin/sh"), "all of them");
	pins_free(pins);
	pins = NULL;
	sprintf(line, "#!%s\n", scratch_path("circle"));
	scratch_write("circle", line, 0755);
	equal(pin(scratch_path("circle"), &pins), 0, "one that names itself ends");
	pins_free(pins);
}

static void refused(const char *path, int want, const char *why)
{
	struct pins *pins = NULL;
	char line[PATH_MAX + 4];

	sprintf(line, "#!%s\n", path);
	scratch_write("refused", line, 0755);
	equal(pin(scratch_path("refused"), &pins), want, why);
	ok(strstr(pins_problem(pins), path) || strstr(pins_problem(pins), why), "it is told: %s",
	   pins_problem(pins));
	ok(is_locked(scratch_path("refused")) && !is_locked(path), "only the script is locked");
	pins_free(pins);
}

static void test_refused(void)
{
	char *path;

	scratch_write("stranger", "x", 0755);
	if (chown(scratch_path("stranger"), 65534, 0))
		scratch_give_up("chown");
	refused(scratch_path("stranger"), -EPERM, "a stranger's file");
	scratch_write("open", "x", 0775);
	refused(scratch_path("open"), -EPERM, "one that a group may write");
	if (mkfifo(scratch_path("fifo"), 0600))
		scratch_give_up("mkfifo");
	refused(scratch_path("fifo"), -EINVAL, "a FIFO, which is not waited for");
	refused("/dev/null", -EINVAL, "a device");
	refused("bin/sh", -EINVAL, "a relative path");
	refused(scratch_path("missing"), -ENOENT, "one that is not there");
	scratch_mkdir("shared", 01777);
	scratch_write("shared/sh", "x", 0755);
	refused(scratch_path("shared/sh"), -EPERM, "in a directory that all may write");
	if (symlink("/bin/sh", scratch_path("theirs")) ||
	    lchown(scratch_path("theirs"), 65534, 65534))
		scratch_give_up("symlink");
	refused(scratch_path("theirs"), -EPERM, "by a stranger's link");
	path = scratch_path("loop");
	if (symlink(path, path))
		scratch_give_up("symlink");
	refused(path, -ELOOP, "a link to itself");
	scratch_write("sparse", "x", 0755);
	if (truncate(scratch_path("sparse"), INT64_C(1) << 40))
		scratch_give_up("truncate");
	refused(scratch_path("sparse"), -EFBIG, "a terabyte of nothing");
}

/* All are below the limit, together they are not. */
static void test_limit(void)
{
	struct pins *pins = NULL;
	int i, r = 0;

	for (i = 0; i < 2; i++) {
		scratch_write(i ? "big-1" : "big-0", "x", 0644);
		if (truncate(scratch_path("big-%d", i), 20 << 20))
			scratch_give_up("truncate");
		r = pin_file(scratch_path("big-%d", i), &pins);
	}
	equal(r, -EFBIG, "there is a limit for all files together");
	ok(is_locked(scratch_path("big-0")) && !is_locked(scratch_path("big-1")),
	   "the first one stays");
	pins_free(pins);
	pins = NULL;
	for (i = 0, r = 0; !r && i < 2 * PINS_MAX_FILES; i++) {
		scratch_write("many", "x", 0644);
		if (rename(scratch_path("many"), scratch_path("many-%d", i)))
			scratch_give_up("rename");
		r = pin_file(scratch_path("many-%d", i), &pins);
	}
	equal(r, -E2BIG, "and one for their number");
	equal(i, PINS_MAX_FILES + 1, "it is that of the header");
	pins_free(pins);
}

/* What an update of packages or a day that passed does. */
static void test_refresh(void)
{
	struct pins *pins = NULL;
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1000000000 } };
	struct stat st;

	scratch_write("tool", "#!/bin/sh\n", 0755);
	if (symlink("tool", scratch_path("alias")) ||
	    utimensat(AT_FDCWD, scratch_path("tool"), times, 0))
		scratch_give_up("tool");
	equal(pin_file(scratch_path("alias"), &pins), 0, "a file behind a link");
	equal(pins_refresh(pins), 0, "is where it was");
	if (stat(scratch_path("tool"), &st))
		scratch_give_up("stat");
	ok(st.st_atim.tv_sec > 1, "and was read today");
	scratch_write("new", "#!/bin/sh\n", 0755);
	if (rename(scratch_path("new"), scratch_path("tool")))
		scratch_give_up("rename");
	equal(pins_refresh(pins), -ESTALE, "another file in its place");
	pins_free(pins);
	pins = NULL;
	equal(pin_file(scratch_path("alias"), &pins), 0, "pinned again");
	if (unlink(scratch_path("alias")))
		scratch_give_up("unlink");
	equal(pins_refresh(pins), -ESTALE, "the link is gone");
	pins_free(pins);
	pins = NULL;
	equal(pin_file(scratch_path("tool"), &pins), 0, "and again");
	scratch_write("tool", "#!/bin/true\n", 0755);
	equal(pins_refresh(pins), -ESTALE, "its content has changed");
	pins_free(pins);
}

int main(void)
{
	scratch_create();
	test_script();
	test_set();
	test_env();
	test_chain();
	test_refused();
	test_limit();
	test_refresh();
	return tap_done();
}
