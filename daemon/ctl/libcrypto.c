/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of processes that have OpenSSL in them: which take their
 * random numbers from vmgen's provider, and which were started too early for that,
 * do not read its configuration, or have an OpenSSL that nobody else can configure.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "finding.h"
#include "paths.h"
#include "sslconf.h"

enum {
	LINE_SIZE = 4352,	/* of maps: a path and some more */
	NAMES_SIZE = 600,
	MAX_FILES = 256,
};

/* A name of a source file that OpenSSL 1.1 and 3 put into their messages. */
static const char trace[] = "crypto/rand/rand_lib.c";

enum kind { UNPROTECTED, STATIC, WITHOUT_DEVICE, PROTECTED, KINDS };

struct census {
	struct {
		unsigned int count;
		/* "nginx (812), sshd (700)", as far as there is room. */
		char names[NAMES_SIZE];
	} kinds[KINDS];
	unsigned int unreadable;
	/* Programs that have been looked into. */
	struct {
		dev_t dev;
		ino_t ino;
		bool found;
	} files[MAX_FILES];
	size_t n_files;
};

static bool contains(int fd, off_t size)
{
	void *text = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	bool found;

	if (text == MAP_FAILED)
		return false;
	found = memmem(text, (size_t)size, trace, sizeof(trace) - 1);
	munmap(text, (size_t)size);
	return found;
}

static bool is_static(struct census *census, const char *pid)
{
	char path[64];
	struct stat st;
	bool found = false;
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		goto out;
	for (i = 0; i < census->n_files; i++) {
		if (census->files[i].dev == st.st_dev && census->files[i].ino == st.st_ino) {
			found = census->files[i].found;
			goto out;
		}
	}
	found = contains(fd, st.st_size);
	if (census->n_files < MAX_FILES) {
		census->files[census->n_files].dev = st.st_dev;
		census->files[census->n_files].ino = st.st_ino;
		census->files[census->n_files++].found = found;
	}
out:
	close(fd);
	return found;
}

static void count(struct census *census, enum kind kind, const char *pid)
{
	char path[64], name[32] = "?", *names = census->kinds[kind].names;
	size_t used = strlen(names);
	FILE *file;

	census->kinds[kind].count++;
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
	}
	if (used + strlen(name) + strlen(pid) + 16 < NAMES_SIZE)
		snprintf(names + used, NAMES_SIZE - used, "%s%s (%s)", used ? ", " : "", name, pid);
	else if (used && names[used - 1] != '.')
		snprintf(names + used, NAMES_SIZE - used, ", ...");
}

static void look_at(struct census *census, const char *pid, bool has_device)
{
	bool library = false, provider = false, device = false, any = false;
	char path[64], line[LINE_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	file = fopen(path, "re");
	if (!file) {
		/* Otherwise it has ended. */
		census->unreadable += !access(path, F_OK);
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		any = true;
		library |= !!strstr(line, "/libcrypto.so");
		provider |= !!strstr(line, "/ossl-modules/vmgen.so");
		device |= !!strstr(line, " " PATH_DEVICE "\n");
	}
	fclose(file);
	if (provider)
		count(census, device || !has_device ? PROTECTED : WITHOUT_DEVICE, pid);
	else if (library)
		count(census, UNPROTECTED, pid);
	else if (any && is_static(census, pid))
		count(census, STATIC, pid);
}

static int take(struct census *census, bool has_device)
{
	const struct dirent *entry;
	DIR *directory = opendir("/proc");

	if (!directory)
		return -1;
	while ((entry = readdir(directory)))
		/* This program has the trace in it as well. */
		if (isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != getpid())
			look_at(census, entry->d_name, has_device);
	closedir(directory);
	return 0;
}

static void tell(const struct census *census, bool enabled, struct findings *findings)
{
	static const char restart[] =
		"restart those that use it, or list their units in /etc/vmgen/restart-units";
	const char *names = census->kinds[UNPROTECTED].names;

	if (census->kinds[UNPROTECTED].count)
		finding_add(findings, "openssl", enabled ? FINDING_WARNING : FINDING_NOTE,
			    enabled ? restart : "vmgenctl openssl enable, then restart them",
			    "processes with OpenSSL whose random numbers every clone has as well: %u: %s",
			    census->kinds[UNPROTECTED].count, names);
	if (census->kinds[STATIC].count)
		finding_add(findings, "openssl", FINDING_NOTE,
			    "list their units in /etc/vmgen/restart-units",
			    "processes with an OpenSSL of their own, which no configuration reaches: %u: %s",
			    census->kinds[STATIC].count, census->kinds[STATIC].names);
	if (census->kinds[WITHOUT_DEVICE].count)
		finding_add(findings, "openssl", FINDING_WARNING, restart,
			    "processes that had no " PATH_DEVICE " when they loaded the provider: %u: %s",
			    census->kinds[WITHOUT_DEVICE].count, census->kinds[WITHOUT_DEVICE].names);
	if (census->kinds[PROTECTED].count)
		finding_add(findings, "openssl", FINDING_OK, "",
			    "processes whose OpenSSL takes random numbers that no clone has: %u",
			    census->kinds[PROTECTED].count);
	if (census->unreadable)
		finding_add(findings, "openssl", FINDING_NOTE, "run this as root",
			    "only root can tell of %u other processes whether they have OpenSSL in them",
			    census->unreadable);
}

void check_openssl(const struct ctl *ctl, struct findings *findings)
{
	struct census *census = calloc(1, sizeof(*census));
	bool enabled = !access(SSLCONF_SYSTEM, F_OK);

	if (!census || take(census, !access(ctl->device, F_OK)))
		findings->out_of_memory = true;
	else
		tell(census, enabled, findings);
	free(census);
}
