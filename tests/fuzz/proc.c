/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What strangers' processes say of themselves in /proc, as vmgenctl check counts them: names
 * are told in safe text, a service is the kernel's word alone, and only what is mapped to be
 * executed tells of a library.
 *
 * Input: comm, cgroup, maps, the program and mountinfo, as parts.h has them.
 */
#include <errno.h>
#include <time.h>

#include "base/comm.h"
#include "base/unitname.h"
#include "ctl/check/mapped.h"
#include "ctl/check/program.h"
#include "ctl/check/roll.h"
#include "ctl/check/sessions.h"
#include "parts.h"
#include "place.h"

#define PROCESS	PLACE "/proc"

enum { N_FILES = 5, CGROUP = 1, MAPS = 2, PROGRAM = 3 };

static const char *const files[N_FILES] = {
	PROCESS "/comm", PROCESS "/cgroup", PROCESS "/maps", PROCESS "/exe", PROCESS "/mountinfo",
};

static struct mounts own;
static int proc_fd;

static void try_service(const char *cgroups, char ret_service[NAME_MAX + 1])
{
	char again[NAME_MAX + 1];

	roll_service(proc_fd, ret_service);
	if (!*ret_service)
		return;
	demand(!unitname_complete(ret_service, again) && !strcmp(again, ret_service));
	demand(strstr(cgroups, ret_service) && is_line(ret_service));
	demand(!strcmp(strrchr(ret_service, '.'), ".service"));
}

/* As census.c has them read. */
static unsigned int try_maps(const char *maps)
{
	const struct census_aid aid = { .device = *maps & 1, .sentinels = *maps & 2 };
	unsigned int all = 0, bits;
	const char *line, *end;
	char *copy;

	for (line = maps; (end = strchr(line, '\n')); line = end + 1) {
		copy = strndup(line, end + 1 - line);
		demand(copy);
		bits = mapped_take(copy);
		free(copy);
		demand(!bits || memchr(line, '/', end - line));
		all |= bits;
	}
	bits = mapped_kinds(all, &aid);
	demand(!(bits >> CENSUS_KINDS) && (all || !bits));
	return bits;
}

static unsigned int try_program(const char *program, size_t size)
{
	static struct programs programs;
	enum program found;

	programs = (struct programs){ .n_files = 0 };
	found = program_look(&programs, &own, proc_fd, INT64_MAX);
	demand(programs.bytes <= size + 64);
	demand(found != PROGRAM_OPENSSL || memmem(program, size, "rand_lib.c", 10));
	demand(found == PROGRAM_OPENSSL || !memmem(program, size, "crypto/rand" "/rand_lib.c", 22));
	return found == PROGRAM_OPENSSL ? 1U << CENSUS_STATIC : 0;
}

static void try_mounts(void)
{
	static const struct mounts none;
	static struct sessions sessions;
	int fd = open(files[PROGRAM], O_PATH | O_CLOEXEC);
	size_t kind;

	/* In a list of the process's own, its number is a stranger's word. */
	if (fd >= 0) {
		(void)mounts_trusted(&none, proc_fd, fd);
		close(fd);
	}
	sessions_look(&sessions);
	demand(!sessions.error);
	for (kind = 0; kind < SESSIONS_KINDS; kind++)
		demand(!!sessions.kinds[kind].count == !!*sessions.kinds[kind].names &&
		       memchr(sessions.kinds[kind].names, '\0', SESSIONS_NAMES_SIZE));
}

static void count(unsigned int kinds, const char *service)
{
	static struct census census;
	char names[CENSUS_NAMES_SIZE], name[COMM_SIZE];
	enum census_kind kind;
	int i;

	census = (struct census){ .n_units = 0 };
	comm_read(proc_fd, name);
	demand(strlen(name) < COMM_SIZE && *name && is_line(name));
	for (i = 0; i < 40; i++)
		roll_count(&census, kinds | 1U << CENSUS_UNKNOWN, service, 4711, proc_fd);
	for (kind = 0; kind < CENSUS_KINDS; kind++) {
		(void)roll_names(&census, kind, true, names);
		demand(is_line(names));
	}
}

static void fill(const uint8_t *data, size_t size, char *texts[N_FILES], size_t sizes[N_FILES])
{
	struct parts parts = { data, size };
	size_t i;

	for (i = 0; i < N_FILES; i++) {
		texts[i] = part_take(&parts, &sizes[i]);
		place_write(files[i], texts[i], sizes[i]);
		if (!texts[i]) {
			texts[i] = strdup("");
			sizes[i] = 0;
		}
		demand(texts[i]);
	}
	/* It is looked at as the list of mounts of this process as well. */
	if (access(files[N_FILES - 1], F_OK))
		place_write(files[N_FILES - 1], "", 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	place_mkdir(PROCESS);
	proc_fd = open(PROCESS, O_PATH | O_DIRECTORY | O_CLOEXEC);
	sessions_mounts = files[N_FILES - 1];
	sessions_sysfs = PLACE "/sys";
	demand(proc_fd >= 0 && !mounts_read_own(1 << 20, &own));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = count_descriptors();
	char *texts[N_FILES], service[NAME_MAX + 1];
	size_t sizes[N_FILES], i;
	unsigned int kinds;

	fill(data, size, texts, sizes);
	try_service(texts[CGROUP], service);
	kinds = try_maps(texts[MAPS]) | try_program(texts[PROGRAM], sizes[PROGRAM]);
	try_mounts();
	count(kinds, service);
	for (i = 0; i < N_FILES; i++)
		free(texts[i]);
	demand(count_descriptors() == before);
	return 0;
}
