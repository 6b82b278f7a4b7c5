/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Programs and loaders of any shape: what is read of them, and that nobody
 * waits for a loader.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <time.h>

#include "process/interpreter.h"
#include "pinned.h"
#include "tap.h"

/* A program as the kernel would take it, as far as it is looked at. */
static void write_elf(const char *name, const char *loader, size_t loader_size)
{
	struct {
		ElfW(Ehdr) header;
		ElfW(Phdr) segment;
		char loader[PATH_MAX];
	} file = {
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				     sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32 },
			.e_phoff = sizeof(file.header),
			.e_phentsize = sizeof(file.segment),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_INTERP,
			.p_offset = offsetof(typeof(file), loader),
			.p_filesz = loader_size,
		},
	};
	int fd;

	strcpy(file.loader, loader);
	scratch_write(name, "", 0755);
	fd = open(scratch_path("%s", name), O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, &file, sizeof(file)) != sizeof(file) || close(fd))
		scratch_give_up(name);
}

static void play_loader(const char *script, int want, const char *name)
{
	struct pins *pins = NULL;
	char path[PATH_MAX];

	strcpy(path, scratch_path("loader"));
	scratch_write("loader", script, 0755);
	write_elf("program", path, strlen(path) + 1);
	equal(pin(scratch_path("program"), &pins), want, name);
	ok(is_locked(scratch_path("program")) && is_locked(path) && is_locked("/bin/cat"),
	   "what it said is locked, and it and the program");
	if (want)
		ok(strstr(pins_problem(pins), "--list"), "it is told: %s", pins_problem(pins));
	pins_free(pins);
}

#define SAYS_CAT "#!/bin/sh\nprintf '\\tlinux-vdso.so.1 (0x7f)\\n\\tx.so => not found\\n\\tcat => /bin/cat (0x7f)\\n'\n"

static void test_loaders(void)
{
	static const char garbage[] = "#!/bin/sh\nprintf '/bin/ls (0x\\n => \\n(0x\\n\\t => x (0x\\n'\n"
				      "tail -c 99999 /dev/zero | tr '\\0' '('\nprintf '\\n'\n";
	struct pins *pins = NULL;
	struct timespec begin, end;
	char path[PATH_MAX];

	play_loader(SAYS_CAT, 0, "a loader is believed");
	play_loader(SAYS_CAT "test \"$1\" = --list && exit 127\n", -ELIBACC, "one that fails is told");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	play_loader(SAYS_CAT "trap '' TERM; sleep 1000 & wait; sleep 1000\n", -ETIMEDOUT,
		    "one that hangs is ended");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ok(end.tv_sec - begin.tv_sec < 60, "soon");
	scratch_write("loader", garbage, 0755);
	strcpy(path, scratch_path("loader"));
	equal(pin(scratch_path("program"), &pins), -EFBIG, "one that says too much is ended");
	ok(is_locked("/bin/ls"), "what it said before is locked");
	pins_free(pins);
}

static void test_shapes(void)
{
	struct interpreter interpreter = { .path = "untouched" };
	static const struct {
		const char *text;
		int want;
	} shapes[] = {
		{ "", -ENOEXEC }, { "#!", -ENOEXEC }, { "#!\n", -ENOEXEC }, { "#! \t\n", -ENOEXEC },
		{ "text", -ENOEXEC }, { "\177ELF", -ENOEXEC }, { "#!/bin/sh", -ENOEXEC },
	};
	size_t i;
	int fd;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		scratch_write("shape", shapes[i].text, 0755);
		fd = open(scratch_path("shape"), O_RDONLY | O_CLOEXEC);
		equal(interpreter_read(fd, &interpreter), shapes[i].want, "a file that is no program");
		close(fd);
	}
	for (i = 0; i < 3; i++) {
		static const size_t sizes[] = { 1, 3, PATH_MAX + 1 };

		write_elf("shape", "/lib/loader", sizes[i]);
		fd = open(scratch_path("shape"), O_RDONLY | O_CLOEXEC);
		equal(interpreter_read(fd, &interpreter), -ENOEXEC,
		      "a loader's name that has no end, or is too long");
		close(fd);
	}
	ok(!strcmp(interpreter.path, "untouched"), "nothing came of them");
}

int main(void)
{
	scratch_create();
	test_loaders();
	test_shapes();
	return tap_done();
}
