/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A file of one page that a test keeps as a device would, for vmgen_open()
 * with VMGEN_REGULAR_FILE: the library's real code with nothing in between.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdint.h>
#include <sys/mman.h>

#include "libvmgen.h"
#include "scratch.h"

/* Offsets in struct vmclock_abi of <linux/vmclock-abi.h>, Linux 7.0; little-endian. */
enum {
	CLOCK_MAGIC = 0x00,
	CLOCK_SIZE = 0x04,
	CLOCK_VERSION = 0x08,
	CLOCK_SEQ = 0x0c,
	CLOCK_MARKER = 0x10,
	CLOCK_FLAGS = 0x18,
	CLOCK_GENERATION = 0x68,
	CLOCK_END = 0x70,
};

/* In its flags. */
enum {
	CLOCK_COUNTS = 1 << 8,
	CLOCK_NOTIFIES = 1 << 9,
};

static inline size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static inline void page_set16(void *page, size_t offset, uint16_t value)
{
	__atomic_store_n((uint16_t *)((char *)page + offset), value, __ATOMIC_RELEASE);
}

static inline void page_set32(void *page, size_t offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)((char *)page + offset), value, __ATOMIC_RELEASE);
}

/* One access, on 32-bit machines too. */
typedef uint64_t page_word __attribute__((aligned(8)));

static inline void page_set64(void *page, size_t offset, uint64_t value)
{
	__atomic_store_n((page_word *)((char *)page + offset), value, __ATOMIC_RELEASE);
}

/* Makes or replaces a file of one page of zeros; returns it mapped, for good. */
static inline void *page_create(const char *name)
{
	int fd = open(scratch_path("%s", name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *page;

	if (fd < 0 || ftruncate(fd, (off_t)page_size()))
		scratch_give_up(name);
	page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		scratch_give_up(name);
	close(fd);
	return page;
}

/* Writes what a host does that counts generations. */
static inline void page_set_clock(void *page, uint64_t generation)
{
	page_set32(page, CLOCK_MAGIC, 0x4b4c4356);
	page_set32(page, CLOCK_SIZE, CLOCK_END);
	page_set16(page, CLOCK_VERSION, 1);
	page_set32(page, CLOCK_SEQ, 2);
	page_set64(page, CLOCK_FLAGS, CLOCK_COUNTS);
	page_set64(page, CLOCK_GENERATION, generation);
}

static inline void *page_create_clock(const char *name, uint64_t generation)
{
	void *page = page_create(name);

	page_set_clock(page, generation);
	return page;
}

/* For calls that are made only to see what they leave behind. */
static inline void drop(long long result)
{
	(void)result;
}

static inline int page_open(const char *name, unsigned int device, struct vmgen **ret_v)
{
	return vmgen_open(scratch_path("%s", name), device | VMGEN_REGULAR_FILE, ret_v);
}

#endif /* PAGE_H */
