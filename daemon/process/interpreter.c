/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What starts a program, read as the kernel reads it (binfmt_script,
 * binfmt_elf). Where libraries are only the loader knows, so it is asked.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "interpreter.h"

enum {
	/* Of a page, which is as many as the kernel reads. */
	MAX_SEGMENTS = 4096 / sizeof(ElfW(Phdr)),
	LIBRARIES_TIMEOUT_MS = 2000,
	LIBRARIES_SIZE = 1 << 16,
};

static const char spaces[] = " \t";

static int read_script(char line[INTERPRETER_LINE_SIZE + 1], struct interpreter *ret_interpreter)
{
	char *end = strchr(line, '\n'), *path, *argument;

	if (end)
		*end = '\0';
	path = line + 2 + strspn(line + 2, spaces);
	argument = path + strcspn(path, spaces);
	/* Cut off, it would be another name. */
	if (!*path || (!*argument && !end))
		return -ENOEXEC;
	if (*argument)
		*argument++ = '\0';
	argument += strspn(argument, spaces);
	for (end = argument + strlen(argument); end > argument && strchr(spaces, end[-1]); end--)
		;
	*end = '\0';
	ret_interpreter->loader = false;
	strcpy(ret_interpreter->path, path);
	strcpy(ret_interpreter->argument, argument);
	return 0;
}

static int read_loader(int fd, const ElfW(Phdr) *segment, struct interpreter *ret_interpreter)
{
	char path[PATH_MAX];
	ssize_t n;

	if (segment->p_filesz < 2 || segment->p_filesz > sizeof(path))
		return -ENOEXEC;
	n = pread(fd, path, segment->p_filesz, segment->p_offset);
	if (n < 0)
		return -errno;
	if ((size_t)n != segment->p_filesz || path[n - 1])
		return -ENOEXEC;
	ret_interpreter->loader = true;
	strcpy(ret_interpreter->path, path);
	*ret_interpreter->argument = '\0';
	return 0;
}

static int read_elf(int fd, const ElfW(Ehdr) *header, struct interpreter *ret_interpreter)
{
	ElfW(Phdr) segment;
	unsigned int i;
	ssize_t n;

	if (header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    header->e_phentsize != sizeof(segment) || header->e_phnum > MAX_SEGMENTS)
		return -ENOEXEC;
	for (i = 0; i < header->e_phnum; i++) {
		n = pread(fd, &segment, sizeof(segment), header->e_phoff + i * sizeof(segment));
		if (n != sizeof(segment))
			return n < 0 ? -errno : -ENOEXEC;
		if (segment.p_type == PT_INTERP)
			return read_loader(fd, &segment, ret_interpreter);
	}
	return -ENOENT;
}

int interpreter_read(int fd, struct interpreter *ret_interpreter)
{
	union {
		char line[INTERPRETER_LINE_SIZE + 1];
		ElfW(Ehdr) header;
	} head = { .line = "" };
	ssize_t n = pread(fd, head.line, INTERPRETER_LINE_SIZE, 0);

	if (n < 0)
		return -errno;
	if (n > 2 && !memcmp(head.line, "#!", 2))
		return read_script(head.line, ret_interpreter);
	if ((size_t)n >= sizeof(head.header) && !memcmp(head.line, ELFMAG, SELFMAG))
		return read_elf(fd, &head.header, ret_interpreter);
	return -ENOEXEC;
}

char *interpreter_env_program(char *argument)
{
	char *rest, *word = strtok_r(argument, spaces, &rest);

	if (word && !strncmp(word, "-S", 2))
		word = word[2] ? word + 2 : strtok_r(NULL, spaces, &rest);
	while (word && (*word == '-' || strchr(word, '=')))
		word = strtok_r(NULL, spaces, &rest);
	return word;
}

/*
 * "\tNAME => PATH (0xADDRESS)", or "\tPATH (0xADDRESS)" of what is named by its
 * path; what has no path is the kernel's or missing.
 */
static void parse_library(char *line, interpreter_library tell, void *data)
{
	char *path = strstr(line, " => "), *end;

	path = path ? path + 4 : line + strspn(line, spaces);
	end = strstr(path, " (0x");
	if (*path != '/' || !end)
		return;
	*end = '\0';
	tell(path, data);
}

static void parse_list(char *text, interpreter_library tell, void *data)
{
	char *rest, *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		parse_library(line, tell, data);
}

int interpreter_libraries(const char *loader, const char *program, interpreter_library tell,
			  void *data)
{
	const char *const argv[] = { loader, "--list", program, NULL };
	char text[LIBRARIES_SIZE], *environment[] = { NULL };
	int r = capture_output(argv, environment, LIBRARIES_TIMEOUT_MS, text, sizeof(text));

	parse_list(text, tell, data);
	return r > 0 || r == -EIO ? -ELIBACC : r;
}
