/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The kernel's log, as /dev/kmsg gives it (Linux, Documentation/ABI/testing/
 * dev-kmsg): one record by read, "priority,sequence,microseconds,flags;text".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

enum {
	/* The kernel's own limit of a record, with all that is added to the text. */
	RECORD_SIZE = 8192,
	/* Of syslog(3): the priority is the level and, from this bit on, the facility. */
	FACILITY_SHIFT = 3,
};

/* Of add_vmfork_randomness(), the same from Linux 5.18 to 7.3. */
static const char reseeded[] = "random: crng reseeded due to virtual machine fork";

int kmsg_open(const char *node, int *ret_fd)
{
	int fd = open(node, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/*
 * Programs may write to the log too, but never as the kernel (facility 0). A
 * line break in what others have the kernel print is escaped, so nobody can make
 * a line that is exactly this one.
 */
static bool tells(const char *record, struct kmsg_line *ret_line)
{
	struct kmsg_line line;
	unsigned int priority;
	const char *text;
	size_t length;

	if (sscanf(record, "%u,%" SCNu64 ",%" SCNu64 ",", &priority, &line.sequence,
		   &line.time_usec) != 3 || priority >> FACILITY_SHIFT)
		return false;
	text = strchr(record, ';');
	if (!text)
		return false;
	length = strcspn(++text, "\n");
	if (length != strlen(reseeded) || memcmp(text, reseeded, length))
		return false;
	*ret_line = line;
	return true;
}

int kmsg_read(int fd, struct kmsg_line *ret_line)
{
	char record[RECORD_SIZE + 1];
	bool told = false, lost = false;
	ssize_t n;

	for (;;) {
		n = read(fd, record, RECORD_SIZE);
		if (n > 0) {
			record[n] = '\0';
			told |= tells(record, ret_line);
		} else if (n < 0 && errno == EPIPE) {
			/* The next read goes on with the oldest record that is left. */
			lost = true;
		} else if (!n || errno != EINTR) {
			break;
		}
	}
	if (n < 0 && errno != EAGAIN)
		return -errno;
	return told ? 0 : lost ? -EPIPE : -EAGAIN;
}
