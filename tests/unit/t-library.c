/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A process that maps a library in many ways: it is read once, however often it is there, and
 * what it says of /dev/sysgenid is found wherever it lies.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sentinel/look.h"
#include "scratch.h"
#include "standin.h"
#include "tap.h"

enum { PAGES = 512, TIMES = 300 };

/* A library without a mark, but for words that are put at some of its bytes. */
#define LIBRARY(words) \
	"f = os.memfd_create('library'); os.ftruncate(f, 512 * size); " words "\n" \
	"def place(first, n, rights=1):\n" \
	"    at = libc.mmap(None, c.c_long(n * size), rights, 2, f, c.c_long(first * size))\n" \
	"    assert at != -1\n"
#define MARKED(at)	LIBRARY("os.pwrite(f, b'/dev/sysgenid', " at ")")

static uint64_t bytes_read(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	unsigned long long bytes;

	if (!file || fscanf(file, "rchar: %llu", &bytes) != 1)
		scratch_give_up("/proc/self/io");
	fclose(file);
	return bytes;
}

/* Returns how much was read for it. */
static uint64_t look(const char *script, uint32_t counts[TALLY_KINDS])
{
	struct standin standin = standin_start(script);
	uint64_t before;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", (int)standin.pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		scratch_give_up(path);
	memset(counts, 0, sizeof(*counts) * TALLY_KINDS);
	before = bytes_read();
	look_at_process(fd, counts);
	before = bytes_read() - before;
	close(fd);
	standin_stop(&standin);
	return before;
}

static void test_often(void)
{
	const uint64_t size = (uint64_t)PAGES * sysconf(_SC_PAGESIZE);
	uint32_t counts[TALLY_KINDS];
	uint64_t once, often, apart;

	once = look(LIBRARY("") "place(0, 512, 5)\n" STANDIN_SENTINEL, counts);
	equal(counts[TALLY_ZEROED], 1, "the sentinel of a process with a library is zeroed");
	often = look(LIBRARY("") "for i in range(300): place(0, 512, 5)\n" STANDIN_SENTINEL, counts);
	equal(counts[TALLY_ZEROED], 1, "so it is where that is mapped 300 times");
	printf("# bytes that were read: %llu, then %llu\n", (unsigned long long)once, (unsigned long long)often);
	/* Of each mapping smaps has less than 1 KiB, which is read three times. */
	ok(often < once + size + TIMES * 3 * 1024, "but the library is read once");
	apart = look(LIBRARY("") "for i in range(300): place(i, 512 - i, 5)\n" STANDIN_SENTINEL, counts);
	ok(counts[TALLY_ZEROED] == 1 && apart < once + size + TIMES * 3 * 1024,
	   "so it is where each mapping begins behind the one before");
}

static void test_marked(void)
{
	static const struct {
		const char *name, *script;
		uint32_t aware;
	} cases[] = {
		{ "a mark at the beginning is found",
		  MARKED("0") "place(0, 512, 5)\n" STANDIN_SENTINEL, 1 },
		{ "one in a part that is not code",
		  MARKED("99999") "place(0, 1, 5); place(1, 511)\n" STANDIN_SENTINEL, 1 },
		{ "one behind what another mapping has",
		  MARKED("9 * size") "place(0, 4, 5); place(0, 10, 5)\n" STANDIN_SENTINEL, 1 },
		{ "one that begins where another mapping ends",
		  MARKED("4 * size - 5") "place(0, 4, 5); place(2, 10, 5)\n" STANDIN_SENTINEL, 1 },
		{ "one that lies in a mapping alone, whose file goes on elsewhere",
		  MARKED("20 * size") "place(30, 4, 5); place(20, 1, 5); place(0, 2, 5)\n" STANDIN_SENTINEL, 1 },
		{ "one in a part that is mapped nowhere counts for nothing",
		  MARKED("6 * size") "place(0, 4, 5); place(8, 10, 5)\n" STANDIN_SENTINEL, 0 },
		{ "nor one in a file of which nothing is code",
		  MARKED("0") "place(0, 4); place(2, 10)\n" STANDIN_SENTINEL, 0 },
	};
	uint32_t counts[TALLY_KINDS];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)look(cases[i].script, counts);
		ok(counts[TALLY_AWARE] == cases[i].aware && counts[TALLY_ZEROED] == !cases[i].aware, "%s",
		   cases[i].name);
	}
}

int main(void)
{
	scratch_create();
	test_often();
	test_marked();
	return tap_done();
}
