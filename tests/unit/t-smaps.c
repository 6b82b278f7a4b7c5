/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is read from smaps, also if the names in there are to look like something else,
 * and which pages are taken for sentinels.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sentinel/look.h"
#include "sentinel/smaps.h"
#include "tap.h"

#define FLAGS	"VmFlags: rd wr mr mw me ac wf \n"
#define VALUES	"Size:                  4 kB\nProtectionKey:         0\n"
#define PAGE	"7f0000001000-7f0000002000 rw-p 00000000 00:00 0 "

static struct smaps_mapping last;
static unsigned int n_found, stop_at;

static int keep(void *context, const struct smaps_mapping *mapping)
{
	(void)context;
	last = *mapping;
	return ++n_found == stop_at ? 7 : 0;
}

/* In pieces of all sizes the result is the same. Returns it. */
static int take(const char *text)
{
	size_t size = strlen(text), piece, done, next;
	int r = 0, first = 0;
	unsigned int found = 0;

	for (piece = 1; piece <= size + 1; piece += 1 + piece / 4) {
		struct smaps smaps = { .begun = false };

		n_found = 0;
		r = 0;
		for (done = 0; !r && done < size; done += next) {
			next = size - done < piece ? size - done : piece;
			r = smaps_take(&smaps, text + done, next, keep, NULL);
		}
		if (piece == 1) {
			first = r;
			found = n_found;
		}
		if (r != first || n_found != found)
			return -EXDEV;
	}
	return r;
}

static void test_plain(void)
{
	equal(take(PAGE "\n" VALUES FLAGS), 0, "a page is read");
	ok(n_found == 1 && last.start == 0x7f0000001000 && last.end == 0x7f0000002000,
	   "with its addresses");
	ok(last.readable && last.writable && !last.executable && !last.shared, "and rights");
	ok(last.anonymous && last.wiped && !last.droppable, "it has no file, and is wiped");
	(void)take(PAGE "\n" VALUES "VmFlags: rd wr mr mw me ac dp wf dd\n");
	ok(last.wiped && last.droppable, "the vDSO's is dropped, too");
	(void)take(PAGE "\n" VALUES "VmFlags: rd wr mr mw me ac sd \n");
	ok(!last.wiped && !last.droppable, "another one is neither");
	(void)take("7f0000001000-7f0000002000 r-xs 00003000 fe:01 1234    /usr/lib/a b.so\n"
		   VALUES FLAGS);
	ok(last.executable && last.shared && last.inode == 1234 &&
	   last.device == (0xfeULL << 32 | 1) && last.offset == 0x3000 && !last.anonymous,
	   "one of a file is none without");
	(void)take(PAGE "    [anon:name]\n" VALUES FLAGS);
	ok(last.anonymous, "one without a file may have a name");
	(void)take(PAGE "    [heap]\n" VALUES FLAGS);
	ok(!last.anonymous, "the kernel's own are left out");
	stop_at = 1;
	equal(take(PAGE "\n" VALUES FLAGS PAGE "\n" VALUES FLAGS), 7, "the caller can end it");
	stop_at = 0;
}

static void test_sysgenid(void)
{
	static const char *const names[] = {
		"/dev/sysgenid", "/var/lib/machines/a/dev/sysgenid", "/dev/sysgenid (deleted)",
	};
	char text[8192], path[6000];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "1000-2000 r--s 00000000 00:06 99 %s\n" VALUES FLAGS,
			 names[i]);
		(void)take(text);
		ok(last.sysgenid, "%s is seen", names[i]);
	}
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	strcpy(path + sizeof(path) - sizeof("/sysgenid"), "/sysgenid");
	snprintf(text, sizeof(text), "1000-2000 r--s 00000000 00:06 99 %s\n" VALUES FLAGS, path);
	ok(!take(text) && last.sysgenid, "also at the end of a path of 6000 bytes");
	(void)take("1000-2000 r--s 00000000 00:06 99 /dev/sysgenid2\n" VALUES FLAGS);
	ok(!last.sysgenid, "another name is not");
}

static void test_hostile(void)
{
	static const char *const forged[] = {
		/* What a path can be at most: the kernel writes its newlines as \012. */
		"1000-2000 rw-p 00000000 fe:01 7 /tmp/a\\012VmFlags: wf\\0121000-2000\n" VALUES
			"VmFlags: rd\n",
		"1000-2000 rw-p 00000000 fe:01 7 VmFlags: rd wr wf\n" VALUES "VmFlags: rd\n",
		"1000-2000 rw-p 00000000 fe:01 7 [anon:sentinel]\n" VALUES "VmFlags: rd wf\n",
		"1000-2000 rw-p 00000000 00:00 7 [anon:sentinel]\n" VALUES "VmFlags: rd wf\n",
		"1000-2000 rw-p 00000000 fe:01 0 \n" VALUES "VmFlags: rd wf\n",
	};
	static const char *const broken[] = {
		"\n", "VmFlags: wf\n", VALUES, "1000-2000\n", "2000-1000 rw-p 00000000 00:00 0\n",
		"1000-1000 rw-p 00000000 00:00 0\n", "-1000-2000 rw-p 00000000 00:00 0\n",
		"1000-2000 rw-q 00000000 00:00 0\n", "1000-2000 rwxp 0 00:00\n",
		"1000-2000 rw-p 0 00:00 0x\n", "10000000000000000-2 rw-p 0 00:00 0\n",
		PAGE "\n" PAGE "\n" FLAGS, PAGE "\nno value\n" FLAGS,
		PAGE "\nVmFlags: rd w\n", PAGE "\nVmFlags: rdwf\n", PAGE "\nVmFlags: \xff\xff\n",
		PAGE "\n" FLAGS FLAGS,
	};
	size_t i;

	for (i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		equal(take(forged[i]), 0, "a forged name is a name");
		ok(n_found == 1 && !(last.wiped && last.anonymous), "and forges nothing");
	}
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (take(broken[i]) != -EBADMSG)
			break;
	equal(i, sizeof(broken) / sizeof(broken[0]), "what the kernel does not write ends it");
}

static int count_flags(void *context, const struct smaps_mapping *mapping)
{
	(void)context;
	if (mapping->wiped && !mapping->droppable && mapping->anonymous)
		last = *mapping;
	n_found++;
	return 0;
}

/* Of this kernel, with names that are to mislead. */
static void test_real(void)
{
	char path[] = "/tmp/t-smaps\n1000-2000 rw-p 00000000 00:00 0\nVmFlags: wf\nXXXXXX";
	struct smaps smaps = { .begun = false };
	char text[1000];
	void *wiped, *named;
	ssize_t n;
	int fd, r = 0;

	fd = mkstemp(path);
	ok(fd >= 0 && !ftruncate(fd, 4096) &&
	   mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED,
	   "a file with newlines in its name is mapped");
	close(fd);
	named = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Since Linux 5.17, and not everywhere; what it takes is looked at in any case. */
	r = prctl(0x53564d41, 0, named, 4096, "VmFlags: wf");
	if (!ok(r || !prctl(0x53564d41, 0, named, 4096, "a"), "and memory has a forged name"))
		return;
	ok(prctl(0x53564d41, 0, named, 4096, "a\nVmFlags: wf"), "in which there are no newlines");
	wiped = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok(!madvise((char *)wiped + 4096, 4096, MADV_WIPEONFORK), "a page of it is wiped at fork");
	fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	n_found = 0;
	last = (struct smaps_mapping){ .start = 0 };
	r = 0;
	while (!r && (n = read(fd, text, sizeof(text))) > 0)
		r = smaps_take(&smaps, text, n, count_flags, NULL);
	close(fd);
	(void)unlink(path);
	equal(r, 0, "this kernel's own file is read to its end");
	ok(n_found > 10, "with all mappings: %u", n_found);
	ok(last.start == (uintptr_t)wiped + 4096 && last.end == last.start + 4096,
	   "only that page is what is looked for");
}

static void test_page(void)
{
	static const struct {
		uint8_t at, value, other_at, other;
		bool good;
		const char *name;
	} shapes[] = {
		{ 0, 1, 0, 1, true, "a 1 in the first byte is a sentinel" },
		{ 0, 0, 0, 0, false, "a page of zeros is none: it is gone already" },
		{ 0, 2, 0, 2, false, "nor is a 2" },
		{ 0, 1, 64, 1, false, "nor a 1 with something behind it" },
		{ 0, 1, 1, 1, false, "nor 0x101: a number that counts" },
		{ 8, 1, 8, 1, false, "nor a 1 in the second word" },
		{ 0, 255, 0, 255, false, "nor -1" },
	};
	uint8_t page[4096];
	size_t i;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		memset(page, 0, sizeof(page));
		page[shapes[i].at] = shapes[i].value;
		page[shapes[i].other_at] = shapes[i].other;
		equal(look_at_page(page, sizeof(page)), shapes[i].good ? 0 : -1, shapes[i].name);
	}
	memset(page, 0, sizeof(page));
	page[0] = page[4095] = 1;
	equal(look_at_page(page, sizeof(page)), -1, "the last byte counts as well");
	*(uint32_t *)page = 1;
	page[4095] = 0;
	equal(page[look_at_page(page, sizeof(page))], 1, "a 1 of four bytes is found by its 1");
	*(uint64_t *)page = 1;
	equal(page[look_at_page(page, sizeof(page))], 1, "and of eight");
}

int main(void)
{
	test_plain();
	test_sysgenid();
	test_hostile();
	test_real();
	test_page();
	return tap_done();
}
