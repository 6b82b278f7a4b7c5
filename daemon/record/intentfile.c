/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the administrator said that the next change will be: files of one word
 * that root alone can have written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/trust.h"
#include "intentfile.h"

enum { INTENT_LIMIT = 64 };

bool intent_valid(const char *word)
{
	return !strcmp(word, "clone") || !strcmp(word, "restore");
}

/* Opens the directory of a file, with ret_error. ret_fd: -1 if there is none. */
static int open_directory_of(const char *path, int *ret_fd, const char **ret_name, char *ret_error)
{
	char directory[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;
	int trusted, fd, r;

	snprintf(directory, sizeof(directory), "%.*s", (int)(name - path), path);
	r = trust_open_directory(directory, &trusted, ret_error, INTENT_ERROR_SIZE);
	if (r && r != -ENOENT)
		return r;
	fd = r ? -1 : openat(trusted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r) {
		r = fd < 0 ? -errno : 0;
		close(trusted);
		if (r) {
			snprintf(ret_error, INTENT_ERROR_SIZE, "%.*s: %s", INTENT_ERROR_SIZE / 2,
				 directory, strerror(-r));
			return r;
		}
	}
	*ret_fd = fd;
	*ret_name = name;
	return 0;
}

static bool others_can_write(const struct stat *st)
{
	return st->st_uid != geteuid() || (st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Reads one place. Returns 0 also if there is no file; then the word is empty. */
static int read_one(int dir_fd, const char *name, const char *path,
		    char ret_word[RECORD_WORD_SIZE], char *ret_error)
{
	struct stat st, dir_st;
	size_t length;
	char *text;
	bool whole;
	int r;

	ret_word[0] = '\0';
	r = file_read(dir_fd, name, INTENT_LIMIT, &text, &st);
	if (r == -ENOENT)
		return 0;
	if (r) {
		snprintf(ret_error, INTENT_ERROR_SIZE, "%s: %s", path,
			 r == -ELOOP ? "is a symbolic link" :
			 r == -EINVAL ? "is not a regular file" : strerror(-r));
		return r;
	}
	/* Only one line, with any end. */
	length = strcspn(text, "\r\n");
	whole = length + strspn(text + length, "\r\n") == (size_t)st.st_size;
	text[length] = '\0';
	if (fstat(dir_fd, &dir_st) || others_can_write(&st) || others_can_write(&dir_st)) {
		snprintf(ret_error, INTENT_ERROR_SIZE,
			 "%s or its directory can be changed by others than root (chown root, chmod go-w)",
			 path);
		r = -EPERM;
	} else if (!whole || !intent_valid(text)) {
		snprintf(ret_error, INTENT_ERROR_SIZE, "%s: must hold one line, \"clone\" or \"restore\"",
			 path);
		r = -EINVAL;
	} else {
		strcpy(ret_word, text);
	}
	free(text);
	return r;
}

int intent_read(int state_fd, const char *dropped, char ret_word[RECORD_WORD_SIZE],
		bool *ret_said, char ret_error[INTENT_ERROR_SIZE])
{
	char set[RECORD_WORD_SIZE], word[RECORD_WORD_SIZE] = "", error[INTENT_ERROR_SIZE];
	const char *name;
	int fd, r, r2;

	r = read_one(state_fd, NAME_INTENT, "the intent in the state directory", set, ret_error);
	/* What is wrong with the first stays told: on the way to the second it would be written over. */
	r2 = open_directory_of(dropped, &fd, &name, error);
	if (!r2 && fd >= 0) {
		r2 = read_one(fd, name, dropped, word, error);
		close(fd);
	}
	if (r2 && !r)
		strcpy(ret_error, error);
	*ret_said = *set || *word;
	if (*set && *word && strcmp(set, word)) {
		snprintf(ret_error, INTENT_ERROR_SIZE,
			 "%s declares \"%s\", and vmgenctl intent declared \"%s\": neither is used", dropped, word,
			 set);
		ret_word[0] = '\0';
		return -EINVAL;
	}
	strcpy(ret_word, *set ? set : word);
	return r ? r : r2;
}

int intent_write(int state_fd, const char *word)
{
	char line[RECORD_WORD_SIZE + 1];

	snprintf(line, sizeof(line), "%s\n", word);
	return file_replace(state_fd, NAME_INTENT, line, 0600, FILE_DURABLE);
}

static int remove_one(int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, 0) && errno != ENOENT)
		return -errno;
	/* Also if somebody else removed it, who may not have come to this. */
	return fsync(dir_fd) ? -errno : 0;
}

int intent_remove(int state_fd, const char *dropped)
{
	char error[INTENT_ERROR_SIZE];
	const char *name;
	int fd, r, r2;

	r = remove_one(state_fd, NAME_INTENT);
	r2 = open_directory_of(dropped, &fd, &name, error);
	/* What others may have put there never counted, and is not touched. */
	if (r2 == -EPERM || r2 == -ENOTDIR)
		return r;
	if (!r2 && fd >= 0) {
		r2 = remove_one(fd, name);
		close(fd);
	}
	return r ? r : r2;
}
