/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where something of this process lies in the guest's memory, so that the host
 * can read it while the guest stands still or runs on.
 */
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/*
 * Documentation/admin-guide/mm/pagemap.rst: bits 0 to 54 are the frame.
 *
 * Returns: the physical address; 0 on failure. The caller has locked it.
 */
static inline uint64_t physical(const volatile void *p)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)p / page * 8)) != 8)
		entry = 0;
	close(fd);
	entry &= (1ULL << 55) - 1;
	return entry ? entry * page + (uintptr_t)p % page : 0;
}

#endif /* PAGEMAP_H */
