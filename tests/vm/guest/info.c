/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Prints what /dev/vmgenid says of itself and of the latest change, and what
 * vmgen_getrandom() returns, one "NAME VALUE" a line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <vmgen/vmgenid.h>

#include "libvmgen.h"

static int try_getrandom(void)
{
	struct vmgen *v;
	uint8_t bytes[8];
	int r = vmgen_open(NULL, 0, &v);

	if (r < 0)
		return r;
	r = vmgen_getrandom(v, bytes, sizeof(bytes));
	vmgen_close(v);
	return r;
}

int main(void)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	struct vmgenid_wait wait = { .known = 0 };
	int fd = open("/dev/vmgenid", O_RDWR);

	if (fd < 0 || ioctl(fd, VMGENID_INFO, &info) || ioctl(fd, VMGENID_WAIT, &wait)) {
		perror("info");
		return 1;
	}
	printf("generation %" PRIu64 "\n", (uint64_t)info.generation);
	printf("source %u\n", wait.record.source);
	printf("record_flags %#x\n", wait.record.flags);
	printf("flags %#x\n", info.flags);
	printf("changes %" PRIu64 "\n", (uint64_t)info.changes);
	printf("spurious_notifies %" PRIu64 "\n", (uint64_t)info.spurious_notifies);
	printf("found_by_call %" PRIu64 "\n", (uint64_t)info.found_by_call);
	printf("found_by_resume %" PRIu64 "\n", (uint64_t)info.found_by_resume);
	printf("found_by_timer %" PRIu64 "\n", (uint64_t)info.found_by_timer);
	printf("lost_ids %" PRIu64 "\n", (uint64_t)info.lost_ids);
	printf("hid %s\n", info.hid);
	printf("cookie %" PRIu64 "\n", (uint64_t)info.cookie);
	printf("getrandom %d\n", try_getrandom());
	return 0;
}
