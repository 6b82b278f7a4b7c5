/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Files of hooks, which may be any: what starts one is a path that ends, or nothing does; of one
 * that is refused nothing is told but what is wrong, with its path. And what a loader says of
 * libraries, and systemctl of a unit.
 *
 * Input: a file, what the loader prints, what systemctl prints, as parts.h has them.
 */
#include <errno.h>

#include "config/hookform.h"
#include "ctl/systemd/manager.h"
#include "parts.h"
#include "place.h"
#include "process/capture.h"
#include "process/interpreter.h"

#define NAME	"50-repair"

extern int __wrap_capture_output(const char *const argv[], char *const envp[], int timeout_ms,
				 char *output, size_t size);
extern bool __wrap_systemd_runs(void);

static const char *answer;
static size_t n_libraries;

/* In the place of the program. */
int __wrap_capture_output(const char *const argv[], char *const envp[], int timeout_ms,
			  char *output, size_t size)
{
	size_t n = strlen(answer);

	(void)argv;
	(void)envp;
	(void)timeout_ms;
	n = n < size ? n : size - 1;
	memcpy(output, answer, n);
	output[n] = '\0';
	return 0;
}

bool __wrap_systemd_runs(void)
{
	return true;
}

static void see_library(const char *path, void *data)
{
	demand(!data && *path == '/' && !strchr(path, '\n'));
	n_libraries++;
}

static void try_hook(void)
{
	static const struct hook hook = { .name = NAME, .directory = PLACE, .band = 50 };
	static char reason[HOOK_REASON_SIZE];
	int r;

	*reason = '\0';
	r = hookform_check(&hook, reason);
	demand(!r || r == -ENOEXEC || r == -ENOENT);
	demand(memchr(reason, '\0', sizeof(reason)));
	demand(r ? !strncmp(reason, PLACE "/" NAME " ", strlen(PLACE "/" NAME " ")) : !*reason);
}

static void try_file(const char *data, size_t size)
{
	struct interpreter interpreter, untouched;
	char *name;
	int fd, r;

	place_write(PLACE "/" NAME, data, size);
	try_hook();
	fd = open(PLACE "/" NAME, O_RDONLY | O_CLOEXEC);
	memset(&interpreter, 0xa5, sizeof(interpreter));
	memcpy(&untouched, &interpreter, sizeof(interpreter));
	r = interpreter_read(fd, &interpreter);
	close(fd);
	if (r) {
		demand(!memcmp(&interpreter, &untouched, sizeof(interpreter)));
		return;
	}
	demand(memchr(interpreter.path, '\0', PATH_MAX));
	demand(memmem(data, size, interpreter.path, strlen(interpreter.path)));
	demand(interpreter.loader || (*interpreter.path && size > 3 && !memcmp(data, "#!", 2)));
	name = interpreter_env_program(interpreter.argument);
	demand(!name || (*name && *name != '-' && !strchr(name, '=')));
}

static void try_manager(void)
{
	char block[4096], value[64];
	const char *rest = answer;
	struct manager_unit unit, untouched;
	size_t n = 0;

	memset(&unit, 0xa5, sizeof(unit));
	memcpy(&untouched, &unit, sizeof(unit));
	if (manager_ask("a.service", "/var/lib/vmgen", "/etc/systemd/system/a.service.d/x.conf", 1, &unit))
		demand(!memcmp(&unit, &untouched, sizeof(unit)));
	else
		demand(*unit.id && unit.names[0] == ' ' && memchr(unit.names, '\0', MANAGER_NAMES_SIZE));
	while (manager_block(&rest, block, sizeof(block))) {
		manager_value(block, "Id", value, sizeof(value));
		demand(strlen(value) < sizeof(value) && !strchr(value, '\n'));
		demand(!*value || manager_is(block, "Id", value));
		demand(++n <= strlen(answer) + 1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { data, size };
	int before = count_descriptors();
	size_t length = 0;
	char *part = part_take(&parts, &length);

	if (part)
		try_file(part, length);
	free(part);
	answer = part = part_take(&parts, &length);
	if (part)
		demand(!interpreter_libraries("/lib/ld.so", "/bin/true", see_library, NULL));
	free(part);
	answer = part = part_take(&parts, &length);
	if (part)
		try_manager();
	free(part);
	demand(count_descriptors() == before);
	return 0;
}
