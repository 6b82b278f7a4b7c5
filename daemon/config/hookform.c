/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The first line of a hook, as the kernel reads it (binfmt_script), and the program that
 * it names.
 */
#include "hookform.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/paths.h"
#include "process/interpreter.h"

/* What is looked at: a file, and where the reason goes. */
struct form {
	char path[HOOK_PATH_SIZE];
	int fd;
	char *reason;
};

static int __attribute__((format(printf, 3, 4)))
refuse(const struct form *form, int error, const char *format, ...)
{
	size_t used = snprintf(form->reason, HOOK_REASON_SIZE, "%s ", form->path);
	va_list args;

	va_start(args, format);
	vsnprintf(form->reason + used, HOOK_REASON_SIZE - used, format, args);
	va_end(args);
	return error;
}

/* Returns whether a program can be executed by its path. */
static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

static bool is_found(const char *name)
{
	char directories[] = PATH_PROGRAMS, path[PATH_MAX], *rest, *directory;

	if (strchr(name, '/'))
		return is_program(name);
	for (directory = strtok_r(directories, ":", &rest); directory;
	     directory = strtok_r(NULL, ":", &rest))
		if (snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
		    is_program(path))
			return true;
	return false;
}

static int check_interpreter(const struct form *form, struct interpreter *interpreter)
{
	const char *name = strrchr(interpreter->path, '/'), *program;

	if (!is_program(interpreter->path))
		return refuse(form, -ENOENT, "needs %s, which does not exist or cannot be executed (install it, or write another one into the first line)",
			      interpreter->path);
	if (!name || strcmp(name, "/env") || strstr(interpreter->argument, "PATH="))
		return 0;
	program = interpreter_env_program(interpreter->argument);
	if (program && !is_found(program))
		return refuse(form, -ENOENT, "needs %s, which is in no directory of %s (install it, or write its path into the first line)",
			      program, PATH_PROGRAMS);
	return 0;
}

/* Without an end of the line in what the kernel reads it is cut off. */
static int check_script(const struct form *form, const char *line)
{
	size_t length = strcspn(line, "\n");
	struct interpreter interpreter;
	int r;

	if (length && line[length - 1] == '\r')
		return refuse(form, -ENOEXEC, "has the line ends of Windows (CR LF), so the kernel looks for an interpreter whose name ends with CR (sed -i 's/\\r$//' %s)",
			      form->path);
	r = interpreter_read(form->fd, &interpreter);
	if (r == -ENOEXEC)
		return refuse(form, r, "names no interpreter that the kernel takes (write #!/bin/sh, for example, into the first line)");
	return r ? 0 : check_interpreter(form, &interpreter);
}

static int check_elf(const struct form *form)
{
	struct interpreter loader;

	/* Of another machine the kernel may have an emulator. */
	if (interpreter_read(form->fd, &loader))
		return 0;
	if (!is_program(loader.path))
		return refuse(form, -ENOENT, "needs %s, its ELF loader, which does not exist (build it for this system)",
			      loader.path);
	return 0;
}

/* What else begins with a zero byte or the like may be known to binfmt_misc. */
static bool is_text(const char *line, size_t size)
{
	return !memchr(line, '\0', size);
}

int hookform_check(const struct hook *hook, char ret_reason[HOOK_REASON_SIZE])
{
	struct form form = { .reason = ret_reason };
	char line[INTERPRETER_LINE_SIZE + 1] = "";
	ssize_t n;
	int r = 0;

	snprintf(form.path, sizeof(form.path), "%s/%s", hook->directory, hook->name);
	form.fd = open(form.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (form.fd < 0)
		return 0;
	n = pread(form.fd, line, INTERPRETER_LINE_SIZE, 0);
	if (n <= 0)
		goto out;
	if (!memcmp(line, "\xef\xbb\xbf", 3))
		r = refuse(&form, -ENOEXEC, "begins with a byte order mark (BOM), so the kernel does not see its #! (sed -i '1s/^\\xef\\xbb\\xbf//' %s)",
			   form.path);
	else if (!memcmp(line, "#!", 2))
		r = check_script(&form, line);
	else if (!memcmp(line, ELFMAG, SELFMAG))
		r = check_elf(&form);
	else if (is_text(line, n))
		r = refuse(&form, -ENOEXEC, "does not begin with #! and its interpreter (sed -i '1i #!/bin/sh' %s, if it is a script of the shell)",
			   form.path);
out:
	close(form.fd);
	return r;
}
