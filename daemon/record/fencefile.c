/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: a file for each unit, with the reason in its first line and the
 * generation in the second. That it is there is what counts: with any content
 * the unit is fenced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unitname.h"
#include "fencefile.h"
#include "linefile.h"
#include "process/lock.h"

enum {
	FILE_LIMIT = 1024,
	/* As often as a newer fence may come between two looks. */
	TRIES = 10,
};

void fence_clean_reason(const char *reason, char ret_reason[FENCE_REASON_SIZE])
{
	char *p = ret_reason;

	text_escape(TEXT_LINES, reason, strlen(reason), ret_reason, FENCE_REASON_SIZE, NULL);
	while ((p = strpbrk(p, "\n\t")))
		*p = ' ';
}

int fence_find_hook(struct fence_author *ret_author)
{
	const char *text = getenv("VMGEN_GENERATION");
	char *end;

	*ret_author = (struct fence_author){ .is_hook = text };
	if (!text)
		return 0;
	errno = 0;
	ret_author->generation = strtoull(text, &end, 10);
	ret_author->has_generation = *text >= '0' && *text <= '9' && !*end && !errno;
	return ret_author->has_generation ? 0 : -EINVAL;
}

int fence_open(const char *state_dir, bool create, int *ret_fd)
{
	int state_fd = -1, r;

	if (create && mkdir(state_dir, 0700) && errno != EEXIST)
		return -errno;
	r = file_open_own(AT_FDCWD, state_dir, 0, &state_fd);
	if (r)
		return r;
	if (create && mkdirat(state_fd, NAME_FENCE, 0700) && errno != EEXIST)
		r = -errno;
	if (!r)
		r = file_open_own(state_fd, NAME_FENCE, O_NOFOLLOW, ret_fd);
	close(state_fd);
	return r;
}

int fence_lock(int fd)
{
	return lock_take_within(fd, FENCE_LOCK_MS);
}

void fence_unlock(int fd)
{
	(void)flock(fd, LOCK_UN);
}

/* The directories above as well: one that made them may have died before it could. */
int fence_sync(int fd)
{
	int at = fd, up, r = 0, i;

	for (i = 0; i < 3 && !r; i++) {
		if (fsync(at))
			r = -errno;
		up = r || i == 2 ? -1 : openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (!r && i < 2 && up < 0)
			r = -errno;
		if (at != fd)
			close(at);
		at = up;
	}
	return r;
}

static bool is_of_this_boot(const struct fence *fence)
{
	char boot_id[BOOT_ID_SIZE];

	return !state_boot_id(boot_id) && !strcmp(fence->boot_id, boot_id);
}

int fence_read(int fd, const char *unit, struct fence *ret_fence)
{
	struct fence fence = { .damage = NULL };
	char *text, *second;
	/* Of anything with this name one can say that it is there. */
	int r = linefile_read(fd, unit, FILE_LIMIT, &text, &fence.damage);

	if (r)
		return r;
	if (!fence.damage) {
		second = strchr(text, '\n');
		*second++ = '\0';
		fence_clean_reason(text, fence.reason);
		if (sscanf(second, "generation %" SCNu64 " boot %36[0-9a-f-]", &fence.generation,
			   fence.boot_id) != 2)
			fence.boot_id[0] = '\0';
	}
	free(text);
	*ret_fence = fence;
	return 0;
}

static bool is_newer(const struct fence *fence, const struct fence_author *author)
{
	return is_of_this_boot(fence) &&
	       (!author->has_generation || fence->generation > author->generation);
}

/* What has to be there; an administrator's is as new as the one that it replaces. */
static void compose(const char *reason, const struct fence_author *author,
		    const struct fence *old, struct fence *ret_fence)
{
	*ret_fence = (struct fence){ .generation = author->generation };
	fence_clean_reason(reason, ret_fence->reason);
	if (old && is_newer(old, author)) {
		ret_fence->generation = old->generation;
		strcpy(ret_fence->boot_id, old->boot_id);
	} else if (author->has_generation && state_boot_id(ret_fence->boot_id)) {
		ret_fence->boot_id[0] = '\0';
	}
}

/* One for each process, so that nobody waits for another one's disk. */
static void temporary_name(pid_t pid, char ret_name[32])
{
	snprintf(ret_name, 32, ".new.%d", (int)pid);
}

static int is_temporary(const struct dirent *entry)
{
	return !strncmp(entry->d_name, ".new.", strlen(".new."));
}

/* Those that were killed have left theirs. */
static void sweep(int fd)
{
	struct dirent **entries;
	int i, n = scandirat(fd, ".", &entries, is_temporary, NULL), pid;

	for (i = 0; i < n; i++) {
		pid = atoi(entries[i]->d_name + strlen(".new."));
		if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
			(void)unlinkat(fd, entries[i]->d_name, 0);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int write_fence(int file_fd, const struct fence *fence)
{
	char text[FILE_LIMIT];
	int n, r = 0;

	n = *fence->boot_id ?
		snprintf(text, sizeof(text), "%s\ngeneration %" PRIu64 " boot %s\n", fence->reason,
			 fence->generation, fence->boot_id) :
		snprintf(text, sizeof(text), "%s\n", fence->reason);
	/* What there is room for is a fence as well, with its reason if that is whole. */
	if (write(file_fd, text, n) != n)
		r = errno ? -errno : -ENOSPC;
	if (fsync(file_fd) && !r)
		r = -errno;
	return r;
}

/* Returns -EAGAIN: a newer fence has come, whose generation must be kept. */
static int put(int fd, const char *name, const char *unit, const struct fence_author *author,
	       const struct fence *fence, enum fence_result *ret_result)
{
	enum fence_result result = FENCE_SET;
	struct fence old;

	if (!fence_read(fd, unit, &old)) {
		result = FENCE_REPLACED;
		if (author->is_hook && is_newer(&old, author)) {
			*ret_result = FENCE_NEWER;
			return 0;
		}
		if (is_of_this_boot(&old) &&
		    (!*fence->boot_id || old.generation > fence->generation))
			return -EAGAIN;
	}
	if (renameat(fd, name, fd, unit))
		return -errno;
	*ret_result = result;
	return 0;
}

static int try_set(int fd, const char *unit, const char *reason,
		   const struct fence_author *author, enum fence_result *ret_result)
{
	struct fence fence, old;
	int file_fd, r, lost, locked;
	char name[32];

	temporary_name(getpid(), name);
	compose(reason, author, fence_read(fd, unit, &old) ? NULL : &old, &fence);
	(void)unlinkat(fd, name, 0);
	file_fd = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file_fd < 0)
		return -errno;
	errno = 0;
	lost = write_fence(file_fd, &fence);
	close(file_fd);
	locked = !fence_lock(fd);
	r = put(fd, name, unit, author, &fence, ret_result);
	sweep(fd);
	if (locked)
		fence_unlock(fd);
	if (r || *ret_result == FENCE_NEWER)
		(void)unlinkat(fd, name, 0);
	return r ? r : lost;
}

int fence_set(int fd, const char *unit, const char *reason, const struct fence_author *author,
	      enum fence_result *ret_result)
{
	enum fence_result result = FENCE_SET;
	int r, synced, tries = 0;

	do
		r = try_set(fd, unit, reason, author, &result);
	while (r == -EAGAIN && ++tries < TRIES);
	synced = fence_sync(fd);
	if (!r)
		r = synced;
	if (!r)
		*ret_result = result;
	return r;
}

int fence_lift(int fd, const char *unit, const struct fence_author *author)
{
	struct fence fence;
	int r = fence_read(fd, unit, &fence);

	if (r)
		return r;
	if (author->is_hook && (!*fence.boot_id || is_newer(&fence, author)))
		return -ESTALE;
	return unlinkat(fd, unit, 0) ? -errno : 0;
}

static int is_unit(const struct dirent *entry)
{
	char unit[NAME_MAX + 1];

	return !unitname_complete(entry->d_name, unit) && !strcmp(unit, entry->d_name);
}

int fence_each(const char *state_dir, int (*visit)(const char *unit, const struct fence *fence,
						   void *context), void *context)
{
	struct dirent **entries;
	struct fence fence;
	int fd, i, n, r;

	r = fence_open(state_dir, false, &fd);
	if (r)
		return r == -ENOENT ? 0 : r;
	n = scandirat(fd, ".", &entries, is_unit, alphasort);
	if (n < 0)
		r = -errno;
	for (i = 0; i < n; i++) {
		if (!r)
			r = fence_read(fd, entries[i]->d_name, &fence);
		/* Lifted meanwhile. */
		if (r == -ENOENT)
			r = 0;
		else if (!r)
			r = visit(entries[i]->d_name, &fence, context);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	close(fd);
	return r;
}
