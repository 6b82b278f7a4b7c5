/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Lines of the kernel's log: which one tells of a change, and which does not.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "scratch.h"
#include "tap.h"
#include "witness/kmsg.h"

/* No descriptor has it. */
enum { LOG_FD = 1000 };

/* What the log gives, record by record; a text of one letter is an error. */
static const char *const *records;

/* Instead of libc's. */
ssize_t read(int fd, void *buf, size_t size)
{
	const char *record;

	if (fd != LOG_FD)
		return syscall(SYS_read, fd, buf, size);
	record = *records ? *records++ : "A";
	if (record[0] && !record[1]) {
		errno = *record == 'P' ? EPIPE : *record == 'I' ? EINTR : *record == 'E' ? EIO : EAGAIN;
		return -1;
	}
	if (strlen(record) > size) {
		errno = EINVAL;
		return -1;
	}
	memcpy(buf, record, strlen(record));
	return strlen(record);
}

#define TEXT	"random: crng reseeded due to virtual machine fork"

static void test_records(void)
{
	static const struct {
		const char *record, *name;
		int want;
	} examples[] = {
		{ "5,812,12242326,-;" TEXT "\n", "the line", 0 },
		{ "5,812,12242326,-,caller=T412;" TEXT "\n", "with more in front", 0 },
		{ "6,812,12242326,-;" TEXT "\n SUBSYSTEM=x\n", "with more behind, of another level", 0 },
		{ "13,812,12242326,-;" TEXT "\n", "written by a program", -EAGAIN },
		{ "5,812,12242326,-;" TEXT "!\n", "longer", -EAGAIN },
		{ "5,812,12242326,-;random: crng reseeded\n", "shorter", -EAGAIN },
		{ "5,812,12242326,-;random: crng reseeded on system resumption\n", "a wake-up", -EAGAIN },
		{ "6,812,12242326,-;x: " TEXT "\n", "in another's words", -EAGAIN },
		{ "6,812,12242326,-;x\\x0a" TEXT "\n", "after a line break of another's", -EAGAIN },
		{ "6,812,12242326,-;x\n DEVICE=5,1,1,-;" TEXT "\n", "behind another's line", -EAGAIN },
		{ "5,812;" TEXT "\n", "no such head", -EAGAIN },
		{ "5,812,12242326,-" TEXT "\n", "no text", -EAGAIN },
		{ "-", "nothing", -EAGAIN },
	};
	const char *one[] = { NULL, NULL };
	struct kmsg_line line;
	size_t i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		line = (struct kmsg_line){ .sequence = 7 };
		one[0] = examples[i].record;
		records = one;
		equal(kmsg_read(LOG_FD, &line), examples[i].want, examples[i].name);
		equal(line.sequence, examples[i].want ? 7 : 812, "its number");
		equal(line.time_usec, examples[i].want ? 0 : 12242326, "its time");
	}
}

static void test_reading(void)
{
	static const char *const several[] = {
		"6,1,1,-;x\n", "5,2,20,-;" TEXT "\n", "I", "5,3,30,-;" TEXT "\n", "6,4,40,-;y\n", NULL,
	};
	static const char *const lost[] = { "6,1,1,-;x\n", "P", "6,90,1,-;y\n", NULL };
	static const char *const lost_but_told[] = { "P", "5,90,1,-;" TEXT "\n", NULL };
	static const char *const broken[] = { "5,2,20,-;" TEXT "\n", "E", NULL };
	static const char *const none[] = { NULL };
	struct kmsg_line line = { .sequence = 7 };

	records = none;
	equal(kmsg_read(LOG_FD, &line), -EAGAIN, "nothing new");
	records = several;
	equal(kmsg_read(LOG_FD, &line), 0, "several records are read at once");
	equal(line.sequence, 3, "and the last that tells counts");
	equal(*records == NULL, 1, "to the end");
	records = lost;
	equal(kmsg_read(LOG_FD, &line), -EPIPE, "lost records are told");
	records = lost_but_told;
	equal(kmsg_read(LOG_FD, &line), 0, "unless a later one says enough");
	records = broken;
	equal(kmsg_read(LOG_FD, &line), -EIO, "an error is told");
}

static void test_open(void)
{
	struct kmsg_line line;
	int fd = -1;

	scratch_write("log", "5,812,12242326,-;" TEXT "\n", 0600);
	equal(kmsg_open(scratch_path("log"), &fd), 0, "opened");
	equal(kmsg_read(fd, &line), -EAGAIN, "what was there before is not read");
	ok((fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC,
	   "non-blocking, and hooks do not get it");
	close(fd);
	equal(kmsg_open(scratch_path("none"), &fd), -ENOENT, "there is none: told");
}

int main(void)
{
	scratch_create();
	test_records();
	test_reading();
	test_open();
	return tap_done();
}
