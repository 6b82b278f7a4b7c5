/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The kernel's log, to which any program of root's writes: that the machine was restored is
 * told by a record that a plainer reading takes for the kernel's line alone.
 *
 * Input: records, with zero bytes between them.
 */
#include <errno.h>
#include <sys/socket.h>

#include "demand.h"
#include "witness/kmsg.h"

#define TEXT	"random: crng reseeded due to virtual machine fork"

enum { RECORDS_MAX = 16, RECORD_MAX = 1024 };

/* "339,", which ends; no record has a number that is longer. */
static const char *skip_number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && n < 10 && text[n] == ',' ? text + n + 1 : NULL;
}

/* "6,339,5140900,-;TEXT", as the kernel writes it; others may be read one way or the other. */
static bool is_plain(const char *record)
{
	int i;

	for (i = 0; record && i < 3; i++)
		record = skip_number(record);
	return record;
}

static bool has_line(const char *record)
{
	const char *text = strchr(record, ';');
	size_t length = text ? strcspn(text + 1, "\n") : 0;

	return text && length == strlen(TEXT) && !strncmp(text + 1, TEXT, length);
}

/* The level is in the last three bits of the first number, and 0 stands for the kernel above it. */
static bool is_of_kernel(const char *record)
{
	return strtoul(record, NULL, 10) < 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kmsg_line untouched = { 4711, 4711 };
	struct kmsg_line line = untouched;
	int fds[2], n, r, before = count_descriptors();
	bool must = false, may = false;
	char record[RECORD_MAX + 1];
	size_t length;

	demand(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	for (n = 0; n < RECORDS_MAX && size; n++) {
		length = strnlen((const char *)data, size);
		length = length < RECORD_MAX ? length : RECORD_MAX;
		memcpy(record, data, length);
		record[length] = '\0';
		/* No record ends the log, as the end of a file would. */
		if (length)
			demand(send(fds[1], record, length, 0) == (ssize_t)length);
		must |= is_plain(record) && is_of_kernel(record) && has_line(record);
		may |= has_line(record) && (is_of_kernel(record) || !is_plain(record));
		data += length + (length < size);
		size -= length + (length < size);
	}
	r = kmsg_read(fds[0], &line);
	demand(!r || r == -EAGAIN);
	demand(r ? !must : may);
	demand(!r || !memcmp(&line, &untouched, sizeof(line)));
	close(fds[0]);
	close(fds[1]);
	demand(count_descriptors() == before);
	return 0;
}
