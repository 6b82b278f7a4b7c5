/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks: which there are, and whether one may be executed as root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/trust.h"
#include "hook.h"

bool hook_name_valid(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t digits = strspn(name, "0123456789"), length = strlen(name);

	/* "05-1st" has two digits in front, "051-st" has three. */
	return digits == 2 && name[2] == '-' && length > 3 && length <= NAME_MAX - 5 &&
	       strspn(name + 3, letters) == length - 3;
}

unsigned int hook_band(const char *name)
{
	return (name[0] - '0') * 10 + (name[1] - '0');
}

/* What package managers and editors leave behind. */
static bool is_backup(const char *name)
{
	static const char *const endings[] = {
		"~", ".bak", ".orig", ".swp", ".rpmsave", ".rpmorig", ".rpmnew",
	};
	size_t length = strlen(name), ending, i;

	if (strstr(name, ".dpkg-"))
		return true;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		ending = strlen(endings[i]);
		if (length > ending && !strcmp(name + length - ending, endings[i]))
			return true;
	}
	return false;
}

static bool is_mask(int dir_fd, const char *name)
{
	char target[sizeof("/dev/null")];
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISREG(st.st_mode))
		return !st.st_size;
	return S_ISLNK(st.st_mode) &&
	       readlinkat(dir_fd, name, target, sizeof(target)) == sizeof(target) - 1 &&
	       !memcmp(target, "/dev/null", sizeof(target) - 1);
}

static const struct hook *find(const struct hook_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->n_hooks; i++)
		if (!strcmp(list->hooks[i].name, name))
			return &list->hooks[i];
	return NULL;
}

/* What comes with vmgend for people to read. */
static bool is_text(const char *name)
{
	static const char ending[] = ".example";
	size_t n = strlen(name), m = strlen(ending);

	return !strcmp(name, "README") || (n > m && !strcmp(name + n - m, ending));
}

static int add_entry(struct hook_list *list, int dir_fd, const char *directory, const char *name,
		     hook_complaint complain)
{
	struct hook *grown, *hook;

	if (*name == '.' || is_text(name))
		return 0;
	if (is_backup(name)) {
		complain(LOG_INFO, "%s/%s is skipped: it looks like a backup copy",
			 directory, name);
		return 0;
	}
	if (!hook_name_valid(name)) {
		complain(LOG_WARNING, "%s/%s is skipped: a hook is named by two digits, '-', then letters, digits, '-' or '_'",
			 directory, name);
		return 0;
	}
	if (find(list, name))
		return 0;
	grown = reallocarray(list->hooks, list->n_hooks + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->hooks = grown;
	hook = &grown[list->n_hooks++];
	*hook = (struct hook){
		.directory = directory,
		.band = hook_band(name),
		.masked = is_mask(dir_fd, name),
	};
	strcpy(hook->name, name);
	return 0;
}

static int add_entries(struct hook_list *list, int dir_fd, const char *directory,
		       hook_complaint complain)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			r = -errno;
			break;
		}
		r = add_entry(list, dir_fd, directory, entry->d_name, complain);
	}
	closedir(dir);
	return r;
}

static int add_directory(struct hook_list *list, const char *directory, hook_complaint complain)
{
	char reason[HOOK_REASON_SIZE];
	int fd, r;

	r = trust_open_directory(directory, &fd, reason, sizeof(reason));
	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOENT ? 0 : r;
	if (r) {
		list->incomplete = true;
		complain(LOG_ERR, "hooks in %s are not run: %s", directory, reason);
		return 0;
	}
	r = add_entries(list, fd, directory, complain);
	close(fd);
	if (!r || r == -ENOMEM)
		return r;
	list->incomplete = true;
	complain(LOG_ERR, "hooks in %s are not all run: %s", directory, strerror(-r));
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct hook *)a)->name, ((const struct hook *)b)->name);
}

int hook_list_read(const char *path, hook_complaint complain, struct hook_list *ret_list)
{
	struct hook_list list = { .path = strdup(path), .path_size = strlen(path) + 1 };
	char *rest, *directory;
	int r = 0;

	if (!list.path)
		return -ENOMEM;
	directory = strtok_r(list.path, ":", &rest);
	while (!r && directory) {
		r = add_directory(&list, directory, complain);
		directory = strtok_r(NULL, ":", &rest);
	}
	if (r) {
		hook_list_clear(&list);
		return r;
	}
	if (list.n_hooks)
		qsort(list.hooks, list.n_hooks, sizeof(*list.hooks), compare);
	*ret_list = list;
	return 0;
}

void hook_list_clear(struct hook_list *list)
{
	free(list->hooks);
	free(list->path);
	*list = (struct hook_list){ .path = NULL };
}

static int check_file(int fd, const char *path, char *ret_reason)
{
	const char *wrong = NULL, *remedy = "";
	struct stat st;
	int r;

	if (fstat(fd, &st)) {
		r = -errno;
		snprintf(ret_reason, HOOK_REASON_SIZE, "%s: %s", path, strerror(-r));
		return r;
	}
	if (S_ISLNK(st.st_mode)) {
		wrong = "is a symbolic link";
		remedy = " (put the file itself there)";
	} else if (!S_ISREG(st.st_mode)) {
		wrong = "is not a regular file";
	} else if (st.st_mode & (S_ISUID | S_ISGID)) {
		wrong = "is set-user-ID or set-group-ID";
		remedy = " (hooks run as root anyway: chmod ug-s)";
	} else if (!(st.st_mode & S_IXUSR)) {
		wrong = "is not executable";
		remedy = " (chmod u+x)";
	}
	if (!wrong)
		return trust_check(&st, path, ret_reason, HOOK_REASON_SIZE);
	snprintf(ret_reason, HOOK_REASON_SIZE, "%s %s%s", path, wrong, remedy);
	return -EPERM;
}

int hook_open(const struct hook *hook, int *ret_fd, char ret_reason[HOOK_REASON_SIZE])
{
	char path[HOOK_PATH_SIZE];
	int dir_fd, fd, r;

	r = trust_open_directory(hook->directory, &dir_fd, ret_reason, HOOK_REASON_SIZE);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/%s", hook->directory, hook->name);
	fd = openat(dir_fd, hook->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	close(dir_fd);
	if (r) {
		snprintf(ret_reason, HOOK_REASON_SIZE, "%s: %s", path, strerror(-r));
		return r;
	}
	r = check_file(fd, path, ret_reason);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
