/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Looks at one process, twice: whether there is anything to do, which mostly there is not,
 * and then to do it. Memory is read and written by /proc/PID/mem, as process_vm_readv(2)
 * cannot be ended while the process holds its memory map.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "smaps.h"

/* What AWS-LC has in it since it aborts programs; see knows_sysgenid(). */
#define MARK	"/dev/sysgenid"

enum {
	PAGE_LIMIT = 65536,
	CHUNK = 65536,
	/* The mark may lie across two chunks, or two mappings. */
	OVERLAP = sizeof(MARK) - 2,
	/* So many the kernel lets a process have. */
	MAX_SEEN = 65530,
	/* Of a process whose first thread has ended; the others are alike. */
	MAX_THREADS = 64,
};

struct seen {
	size_t n;
	struct seen_mapping {
		uint64_t device, inode, offset, start, end;
		bool executable;
	} *list;
};

struct look {
	int smaps_fd, mem_fd;
	size_t page_size;
	bool any, sysgenid;
	/* What the first look found: pages that may be sentinels, and files. */
	struct seen candidates, files;
	uint32_t *counts;
	uint8_t chunk[CHUNK];
};

int look_at_page(const uint8_t *page, size_t size)
{
	const uint64_t eight = 1;
	const uint32_t four = 1;
	const uint8_t one = 1;
	uint8_t word[sizeof(eight)] = { one };
	size_t i;

	for (i = sizeof(word); i < size; i++)
		if (page[i])
			return -1;
	if (memcmp(page, word, sizeof(word))) {
		memset(word, 0, sizeof(word));
		memcpy(word, &four, sizeof(four));
	}
	if (memcmp(page, word, sizeof(word)) && memcmp(page, &eight, sizeof(eight)))
		return -1;
	return (const uint8_t *)memchr(page, 1, sizeof(word)) - page;
}

static bool is_candidate(const struct look *look, const struct smaps_mapping *mapping)
{
	return mapping->wiped && !mapping->droppable && mapping->anonymous &&
	       mapping->readable && mapping->writable && !mapping->executable &&
	       !mapping->shared && mapping->end - mapping->start == look->page_size;
}

/* Reads all that there is, or until found returns something else than 0. */
static int read_smaps(struct look *look,
		      int (*found)(void *context, const struct smaps_mapping *mapping))
{
	struct smaps smaps = { .begun = false };
	/* The kernel has a page at a time, which so is what was true just now. */
	char text[4096];
	ssize_t n;
	int r = 0;

	if (lseek(look->smaps_fd, 0, SEEK_SET) < 0)
		return -errno;
	while (!r && (n = read(look->smaps_fd, text, sizeof(text)))) {
		if (n > 0)
			r = smaps_take(&smaps, text, n, found, look);
		else if (errno != EINTR)
			r = -errno;
	}
	return r;
}

static int add_seen(struct seen *seen, const struct smaps_mapping *mapping)
{
	struct seen_mapping *list;

	if (seen->n >= MAX_SEEN)
		return -EFBIG;
	/* In steps of 64. */
	if (!(seen->n % 64)) {
		list = reallocarray(seen->list, seen->n + 64, sizeof(*list));
		if (!list)
			return -ENOMEM;
		seen->list = list;
	}
	seen->list[seen->n++] = (struct seen_mapping){
		.device = mapping->device, .inode = mapping->inode, .offset = mapping->offset,
		.start = mapping->start, .end = mapping->end,
		.executable = mapping->executable,
	};
	return 0;
}

static int survey(void *context, const struct smaps_mapping *mapping)
{
	struct look *look = context;

	look->any = true;
	look->sysgenid |= mapping->sysgenid;
	if (is_candidate(look, mapping))
		return add_seen(&look->candidates, mapping);
	if (mapping->inode && mapping->readable && !mapping->writable && !mapping->shared)
		return add_seen(&look->files, mapping);
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct seen_mapping *one = a, *other = b;

	return one->start < other->start ? -1 : one->start > other->start;
}

/* Was it there before the memory was opened, and is there after that? See look_on(). */
static bool is_still_candidate(const struct look *look, const struct smaps_mapping *mapping)
{
	const struct seen_mapping key = { .start = mapping->start };

	return is_candidate(look, mapping) &&
	       bsearch(&key, look->candidates.list, look->candidates.n, sizeof(key), by_start);
}

/* Returns 0 and where the 1 is; -ENODATA: it is no sentinel, or not any more; or -errno. */
static int find_one(struct look *look, uint64_t start, int *ret_at)
{
	ssize_t n = pread(look->mem_fd, look->chunk, look->page_size, start);
	int at;

	if (n < 0 && (errno == EPERM || errno == EACCES))
		return -errno;
	if (n != (ssize_t)look->page_size)
		return -ENODATA;
	at = look_at_page(look->chunk, look->page_size);
	if (at < 0)
		return -ENODATA;
	*ret_at = at;
	return 0;
}

static int confirm(void *context, const struct smaps_mapping *mapping)
{
	struct look *look = context;
	int at, r;

	if (!is_still_candidate(look, mapping))
		return 0;
	r = find_one(look, mapping->start, &at);
	return r == -ENODATA ? 0 : r ?: 1;
}

static int wipe(void *context, const struct smaps_mapping *mapping)
{
	struct look *look = context;
	int at, r;

	if (!is_still_candidate(look, mapping))
		return 0;
	r = find_one(look, mapping->start, &at);
	if (r)
		return r == -ENODATA ? 0 : r;
	if (pwrite(look->mem_fd, "", 1, mapping->start + at) == 1)
		look->counts[TALLY_ZEROED]++;
	else if (errno == EPERM || errno == EACCES)
		return -errno;
	return 0;
}

/* Behind so many bytes. What cannot be read is passed over: it was cut off, for example. */
static bool has_mark(struct look *look, const struct seen_mapping *file, uint64_t behind)
{
	uint64_t at = file->start + behind;
	size_t kept = 0, size;
	ssize_t n;

	while (at < file->end) {
		size = CHUNK - kept < file->end - at ? CHUNK - kept : file->end - at;
		n = pread(look->mem_fd, look->chunk + kept, size, at);
		if (n <= 0) {
			kept = 0;
			at = (at / look->page_size + 1) * look->page_size;
			continue;
		}
		if (memmem(look->chunk, kept + n, MARK, sizeof(MARK) - 1))
			return true;
		at += n;
		n += kept;
		kept = n < (ssize_t)OVERLAP ? (size_t)n : OVERLAP;
		memmove(look->chunk, look->chunk + n - kept, kept);
	}
	return false;
}

static bool is_same_file(const struct seen_mapping *a, const struct seen_mapping *b)
{
	return a->inode == b->inode && a->device == b->device;
}

static int by_file(const void *a, const void *b)
{
	const struct seen_mapping *one = a, *other = b;

	if (one->device != other->device)
		return one->device < other->device ? -1 : 1;
	if (one->inode != other->inode)
		return one->inode < other->inode ? -1 : 1;
	return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* The mappings of one file, by their offsets. Each part of it is read once, wherever it is mapped. */
static bool file_has_mark(struct look *look, const struct seen_mapping *files, size_t n)
{
	uint64_t done = 0, end, behind;
	size_t i;

	for (i = 0; i < n; i++) {
		end = files[i].offset + (files[i].end - files[i].start);
		if (end <= done)
			continue;
		/* What lies across the end of the one before is in this one alone. */
		behind = done > files[i].offset + OVERLAP ? done - OVERLAP - files[i].offset : 0;
		if (has_mark(look, &files[i], behind))
			return true;
		done = end;
	}
	return false;
}

/*
 * AWS-LC aborts if what tells of a fork moves in the middle of a draw, and names this file
 * since it does. It may not have mapped it: there was none when it began. Programs and
 * libraries are looked through: files of which a part is executable.
 */
static bool knows_sysgenid(struct look *look)
{
	const struct seen_mapping *files = look->files.list;
	size_t first, end;
	bool executable;

	if (look->sysgenid)
		return true;
	if (look->files.n)
		qsort(look->files.list, look->files.n, sizeof(*files), by_file);
	for (first = 0; first < look->files.n; first = end) {
		executable = false;
		for (end = first; end < look->files.n && is_same_file(&files[end], &files[first]); end++)
			executable |= files[end].executable;
		if (executable && file_has_mark(look, files + first, end - first))
			return true;
	}
	return false;
}

static void count_failure(struct look *look, int r)
{
	/* A process that has ended needs nothing. */
	if (r == -EPERM || r == -EACCES)
		look->counts[TALLY_REFUSED]++;
	else if (r != -ENOENT && r != -ESRCH)
		look->counts[TALLY_UNSEEN]++;
}

/*
 * Each file is of the memory that the process has when it is opened, and a process that
 * executes something else gets another one; the old one stays where another process
 * shares it. So this list of mappings is opened before and after the memory, and a page
 * counts that is in both: one of them is of that memory, or it was executed twice.
 */
static int look_on(struct look *look, int dir_fd)
{
	int r;

	look->mem_fd = openat(dir_fd, "mem", O_RDWR | O_CLOEXEC);
	if (look->mem_fd < 0)
		return -errno;
	close(look->smaps_fd);
	look->smaps_fd = openat(dir_fd, "smaps", O_RDONLY | O_CLOEXEC);
	if (look->smaps_fd < 0)
		return -errno;
	r = read_smaps(look, confirm);
	if (r <= 0)
		return r;
	if (knows_sysgenid(look)) {
		look->counts[TALLY_AWARE]++;
		return 0;
	}
	return read_smaps(look, wipe);
}

/* Returns false if it has no memory: it has ended, or is the kernel's. */
static bool look_at_thread(int dir_fd, uint32_t counts[TALLY_KINDS])
{
	struct look look = {
		.smaps_fd = openat(dir_fd, "smaps", O_RDONLY | O_CLOEXEC), .mem_fd = -1,
		.page_size = sysconf(_SC_PAGESIZE), .counts = counts,
	};
	int r;

	if (look.smaps_fd < 0) {
		count_failure(&look, -errno);
		return true;
	}
	r = look.page_size > PAGE_LIMIT ? -EFBIG : read_smaps(&look, survey);
	if (!r && look.candidates.n)
		r = look_on(&look, dir_fd);
	if (r)
		count_failure(&look, r);
	if (look.mem_fd >= 0)
		close(look.mem_fd);
	if (look.smaps_fd >= 0)
		close(look.smaps_fd);
	free(look.files.list);
	free(look.candidates.list);
	return look.any || r;
}

/* Its first thread may have ended before the others. */
static void look_at_threads(int proc_fd, uint32_t counts[TALLY_KINDS])
{
	int fd = openat(proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), left = MAX_THREADS;
	const struct dirent *entry;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	bool done = false;

	while (directory && !done && left && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		left--;
		fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		done = fd >= 0 && look_at_thread(fd, counts);
		if (fd >= 0)
			close(fd);
	}
	if (directory)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
}

void look_at_process(int proc_fd, uint32_t counts[TALLY_KINDS])
{
	if (!look_at_thread(proc_fd, counts))
		look_at_threads(proc_fd, counts);
}
