/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The library on devices that answer anything: what /dev/vmgenid says to INFO,
 * WAIT and read, what is in its pages, and errors of all of these; the same for
 * /dev/sysgenid.
 *
 * Input: struct answers, then what the pages begin with.
 */
#include <stdlib.h>

#include "../unit/kernel.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern int LLVMFuzzerInitialize(int *argc, char ***argv);
extern int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);

/* Which errors the device knows; 0 and what is beyond: it succeeds. */
static const int errors[] = { 0, -EINTR, -ENOTTY, -EINVAL, -EPERM, -ENODEV, -EAGAIN, -EACCES };

static struct answers {
	struct vmgenid_info info;
	struct vmgenid_record record;
	uint8_t sysgenid;
	uint8_t unprivileged;
	uint8_t info_error;
	uint8_t wait_error;
	uint8_t read_error;
	uint8_t read_size;
	uint8_t write_size;
	/* Questions after which the error comes; before, all is well. */
	uint8_t patience;
} answers;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	static time_t seconds;

	(void)clock;
	*ret_now = (struct timespec){ .tv_sec = seconds++ };
	return 0;
}

/* An interrupted call may be made again for ever: no device does that. */
static int error_of(uint8_t which)
{
	int error = which < sizeof(errors) / sizeof(errors[0]) ? errors[which] : 0;

	if (answers.patience) {
		answers.patience--;
		return 0;
	}
	answers.patience = error == -EINTR ? 2 : 0;
	return error;
}

static int answer(int fd, unsigned long request, void *argument, bool writable)
{
	struct vmgenid_wait *wait = argument;
	int r = error_of(request == VMGENID_INFO ? answers.info_error : answers.wait_error);

	(void)fd;
	(void)writable;
	if (r < 0 || answers.sysgenid)
		return r;
	if (request == VMGENID_INFO)
		memcpy(argument, &answers.info, sizeof(answers.info));
	else
		wait->record = answers.record;
	return 0;
}

static ssize_t answer_read(int fd, void *buf, size_t size)
{
	int r = error_of(answers.read_error);

	(void)fd;
	if (r < 0)
		return r;
	memcpy(buf, &answers.record, size < sizeof(answers.record) ? size : sizeof(answers.record));
	return answers.read_size < size ? answers.read_size : (ssize_t)size;
}

static ssize_t answer_write(const void *buf, size_t size)
{
	int r = error_of(answers.read_error);

	(void)buf;
	if (r < 0)
		return r;
	return answers.write_size < size ? answers.write_size : (ssize_t)size;
}

static int renew(void *arg)
{
	(void)arg;
	return 0;
}

static void demand(bool good)
{
	if (!good)
		abort();
}

static void use(struct vmgen *v)
{
	const uint32_t known = VMGEN_RNG_STALE | VMGEN_NO_ID | VMGEN_RNG_OTHER;
	struct vmgen_guard guard = VMGEN_GUARD_INIT;
	struct vmgen_event event = { .flags = 0 };
	struct vmgen_info info = { .flags = 0 };
	uint8_t bytes[8] = { 0 };
	uint8_t id[VMGEN_ID_SIZE];
	uint64_t generation;
	bool raw;

	if (vmgen_info(v, &info, sizeof(info)) == 0)
		demand(info.hid[31] == '\0' && !(info.flags & 0xffe0ff98));
	raw = info.flags & VMGEN_INFO_RAW;
	demand(!raw || answers.info.id_offset <= page_size() - VMGEN_ID_SIZE);
	drop(vmgen_event(v, &event, sizeof(event)));
	demand(!(event.flags & ~known));
	drop(vmgen_read(v, &event, sizeof(event)));
	demand(!(event.flags & ~known));
	drop(vmgen_wait(v, event.generation, 0, &generation));
	drop(vmgen_id(v, id));
	drop(vmgen_changed(v));
	if (raw)
		page_set64(kernel.node.bytes + page_size(), answers.info.id_offset, 4711);
	drop(vmgen_changed(v));
	drop(vmgen_changed_now(v));
	/* What was drawn, vouched for or not, is there. */
	drop(vmgen_getrandom(v, bytes, sizeof(bytes)));
	demand(memcmp(bytes, "\0\0\0\0\0\0\0", sizeof(bytes)) != 0);
	drop(vmgen_guard_run(v, &guard, 0, renew, NULL));
	vmgen_close(v);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	kernel_make("/dev/vmgenid", 2);
	kernel.node.ioctl = answer;
	kernel.node.read = answer_read;
	kernel.node.write = answer_write;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmgen *v = NULL;
	unsigned int flags;
	size_t rest;

	if (size < sizeof(answers))
		return 0;
	memcpy(&answers, data, sizeof(answers));
	rest = size - sizeof(answers);
	rest = rest < 64 ? rest : 64;
	memset(kernel.node.bytes, 0, 64);
	memcpy(kernel.node.bytes, data + sizeof(answers), rest);
	memcpy(kernel.node.bytes + page_size(), data + sizeof(answers), rest);
	flags = (answers.sysgenid ? VMGEN_SYSGENID : VMGEN_VMGENID) |
		(answers.unprivileged ? VMGEN_UNPRIVILEGED : 0);
	if (vmgen_open("/dev/vmgenid", flags, &v) == 0)
		use(v);
	else
		demand(!v);
	return 0;
}
