/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "supplicant.h"

#define NAME_NOTE	"macsec.guard"

/* Of one process. */
enum { FILES_MAX = 4096 };

int supplicants_find(struct supplicants *ret_supplicants)
{
	struct supplicants found = { .n = 0 };
	struct program program = { .path = NULL };
	struct dirent *entry;
	DIR *processes;
	int r;

	*ret_supplicants = found;
	r = program_open(SUPPLICANT, &program);
	if (r)
		return r;
	processes = opendir("/proc");
	while (processes && found.n < SUPPLICANTS_MAX && (entry = readdir(processes)))
		if (atoi(entry->d_name) > 1 &&
		    !process_hold(atoi(entry->d_name), &program, 0, &found.all[found.n].process))
			found.n++;
	if (processes)
		closedir(processes);
	program_close(&program);
	*ret_supplicants = found;
	return 0;
}

void supplicants_release(struct supplicants *supplicants)
{
	while (supplicants->n)
		process_release(&supplicants->all[--supplicants->n].process);
}

/* ---- whose keys they agree on ---------------------------------------------- */

static bool listens(struct secy_list *list, uint64_t inode)
{
	bool agrees = false;
	size_t i, j;

	for (i = 0; i < list->n_listeners; i++) {
		if (list->listeners[i].inode != inode)
			continue;
		for (j = 0; j < list->n; j++)
			if (list->interfaces[j].lower == list->listeners[i].lower &&
			    secy_perhaps_by_mka(&list->interfaces[j]))
				agrees = list->interfaces[j].heals = true;
	}
	return agrees;
}

static bool match(pid_t pid, struct secy_list *list)
{
	char path[64], target[64];
	struct dirent *entry;
	unsigned int n = 0;
	bool agrees = false;
	uint64_t inode;
	ssize_t size;
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	files = opendir(path);
	while (files && n++ < FILES_MAX && (entry = readdir(files))) {
		size = readlinkat(dirfd(files), entry->d_name, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
			agrees |= listens(list, inode);
	}
	if (files)
		closedir(files);
	return agrees;
}

void supplicants_match(struct supplicants *supplicants, struct secy_list *list)
{
	size_t i;

	for (i = 0; i < supplicants->n; i++)
		supplicants->all[i].agrees = match(supplicants->all[i].process.pid, list);
}

/* ---- stopping ---------------------------------------------------------------- */

static unsigned int signal_one(const struct supplicant *supplicant, int number)
{
	int r = process_signal(&supplicant->process, number);

	/* One that has ended has no keys any more. */
	if (!r || r == -ESRCH)
		return 0;
	printf("process %d, " SUPPLICANT ": %s\n", supplicant->process.pid, strerror(-r));
	return 1;
}

unsigned int supplicants_stop(const struct supplicants *supplicants)
{
	unsigned int failed = 0;
	size_t i;

	for (i = 0; i < supplicants->n; i++)
		if (supplicants->all[i].agrees)
			failed += signal_one(&supplicants->all[i], SIGSTOP);
	return failed;
}

/* Its name, which it chooses, stands in brackets before the letter. */
static bool is_stopped(pid_t pid)
{
	char path[64], text[256];
	const char *state;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return false;
	text[size] = '\0';
	state = strrchr(text, ')');
	return state && !strncmp(state, ") T ", strlen(") T "));
}

unsigned int supplicants_count_stopped(const struct supplicants *supplicants)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < supplicants->n; i++)
		n += is_stopped(supplicants->all[i].process.pid);
	return n;
}

unsigned int supplicants_continue(const struct supplicants *supplicants)
{
	unsigned int failed = 0;
	size_t i;

	for (i = 0; i < supplicants->n; i++)
		failed += signal_one(&supplicants->all[i], SIGCONT);
	return failed;
}

/* ---- the note ------------------------------------------------------------------ */

static int open_runtime_dir(void)
{
	return open(PATH_RUNTIME_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

uint64_t supplicants_generation(void)
{
	uint64_t generation = 0;
	int fd = open_runtime_dir();
	char *text = NULL;

	if (fd < 0)
		return 0;
	if (!file_read(fd, NAME_NOTE, 32, &text, NULL))
		generation = strtoull(text, NULL, 10);
	free(text);
	close(fd);
	return generation;
}

int supplicants_note(uint64_t generation)
{
	char text[32];
	int fd, r;

	if (mkdir(PATH_RUNTIME_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open_runtime_dir();
	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", generation);
	r = file_replace(fd, NAME_NOTE, text, 0644, FILE_ATOMIC);
	close(fd);
	return r;
}
