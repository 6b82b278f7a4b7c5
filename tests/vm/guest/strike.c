/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * strike MICROSECONDS WHO NUMBER: kills somebody of vmgend's processes after a
 * while, of several that one, and logs whom before it does. WHO: vmgend,
 * guardian, pinner, sentinel, all; keeper: one whose hook may be running; held: one that
 * stands by for a change; standby: the child of one, which would be the hook.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG "/log/hooks"
#define KEEPER "vmgend-keeper"

enum { MAX_PROCESSES = 512 };

struct who {
	pid_t pid, parent;
	char comm[32], state;
};

static bool look(pid_t pid, struct who *ret_who)
{
	char path[64], text[256] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	end = strrchr(text, ')');
	if (!end)
		return false;
	*end = '\0';
	ret_who->pid = pid;
	snprintf(ret_who->comm, sizeof(ret_who->comm), "%s", strchr(text, '(') + 1);
	return sscanf(end + 1, " %c %d", &ret_who->state, &ret_who->parent) == 2 &&
	       ret_who->state != 'Z' && ret_who->state != 'X';
}

static size_t look_around(struct who *who)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (proc && n < MAX_PROCESSES && (entry = readdir(proc)))
		n += atoi(entry->d_name) > 0 && look(atoi(entry->d_name), &who[n]);
	if (proc)
		closedir(proc);
	return n;
}

static const struct who *parent_of(const struct who *all, size_t n, const struct who *who)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (all[i].pid == who->parent)
			return &all[i];
	return NULL;
}

static const struct who *child_of(const struct who *all, size_t n, const struct who *who)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (all[i].parent == who->pid)
			return &all[i];
	return NULL;
}

static bool is_keeper(const struct who *who)
{
	return who && !strcmp(who->comm, KEEPER);
}

static const char *kind_of(const struct who *all, size_t n, const struct who *who)
{
	if (!is_keeper(who))
		return strncmp(who->comm, "vmgend-", 7) ? who->comm : who->comm + 7;
	if (is_keeper(parent_of(all, n, who)))
		return "standby";
	return is_keeper(child_of(all, n, who)) ? "held" : "keeper";
}

/* The argument of the chore that is the hook, or nothing. */
static void read_name(pid_t pid, char *ret_name, size_t size)
{
	char path[64], text[256] = "";
	const char *name;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	name = text + strlen(text) + 1;
	if (strstr(text, "chore"))
		snprintf(ret_name, size, "%s", name);
}

static void end(const struct who *who, const char *name, const char *kind)
{
	int fd = open(LOG, O_WRONLY | O_APPEND | O_CREAT, 0600);
	char line[128];
	int length = snprintf(line, sizeof(line), "kill %s - %s\n", name, kind);

	if (fd < 0 || write(fd, line, length) != length)
		perror(LOG);
	close(fd);
	(void)kill(who->pid, SIGKILL);
}

/* It dies with its parent, unless it is too young: then it ends when it goes on. */
static void let_child_end(pid_t parent, pid_t child)
{
	struct who who;

	while (look(parent, &who))
		usleep(1000);
	(void)kill(child, SIGCONT);
}

/* What it looks after cannot change any more when both are stopped. */
static void end_keeper(const struct who *who)
{
	static struct who all[MAX_PROCESSES];
	size_t n = look_around(all);
	const struct who *child = child_of(all, n, who);
	pid_t child_pid = child ? child->pid : 0;
	char name[64] = "unknown";
	const char *kind;

	if (child_pid) {
		(void)kill(child_pid, SIGSTOP);
		read_name(child_pid, name, sizeof(name));
		n = look_around(all);
	}
	kind = kind_of(all, n, who);
	end(who, strcmp(kind, "keeper") ? kind : name, kind);
	if (child_pid)
		let_child_end(who->pid, child_pid);
}

/* It may be another by now: a process that was forked gets its name and its program later. */
static void stop_and_end(pid_t pid)
{
	struct who now;

	if (kill(pid, SIGSTOP) || !look(pid, &now))
		return;
	if (is_keeper(&now))
		end_keeper(&now);
	else if (!strncmp(now.comm, "vmgend", 6))
		end(&now, kind_of(NULL, 0, &now), kind_of(NULL, 0, &now));
	else
		(void)kill(pid, SIGCONT);
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "keeper", "held", "standby", "pinner", "sentinel", "guardian",
					     "vmgend" };
	static struct who all[MAX_PROCESSES], found[MAX_PROCESSES];
	size_t n, i, k, n_found = 0, only;

	if (argc != 4)
		return 2;
	usleep(atoi(argv[1]));
	n = look_around(all);
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < n; i++)
			if (!strcmp(kind_of(all, n, &all[i]), kinds[k]) &&
			    (!strcmp(argv[2], "all") || !strcmp(argv[2], kinds[k])))
				found[n_found++] = all[i];
	only = n_found ? atoi(argv[3]) % n_found : 0;
	for (i = 0; i < n_found; i++)
		if (!strcmp(argv[2], "all") || i == only)
			stop_and_end(found[i].pid);
	return 0;
}
