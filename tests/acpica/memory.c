// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The memory is a file without a name, as long as a CPU can address, of which only what is
 * written takes room; what is mapped twice shows the same, as it would in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"
#include "memory.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(at, size) ((void)(at), (void)(size))
#define __asan_unpoison_memory_region(at, size) ((void)(at), (void)(size))
#endif

enum { PAGE = 4096 };

struct range {
	uint64_t first;
	uint64_t last;
};

static int memory_fd = -1;
static unsigned int phys_bits;
static struct range *ram;
static size_t n_ram;
static unsigned long n_maps;

static pthread_mutex_t port_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t ports[1 << 16];

static bool add_ram(const char *line)
{
	struct range *more = realloc(ram, (n_ram + 1) * sizeof(*ram));
	unsigned long long first, last;
	int at = 0;

	if (!more)
		return false;
	ram = more;
	if (sscanf(line, " %llx-%llx : %n", &first, &last, &at) != 2 || !at || last < first)
		return false;
	/* Memory that drivers have added says so in parentheses. */
	if (strncmp(line + at, "System RAM", strlen("System RAM")))
		return true;
	ram[n_ram++] = (struct range){ first, last };
	/* Those who may not know addresses are shown zeros. */
	return last;
}

static bool parse(const char *iomem)
{
	char line[256];
	size_t length;

	while (iomem && *iomem) {
		length = strcspn(iomem, "\n");
		if (length >= sizeof(line))
			return false;
		memcpy(line, iomem, length);
		line[length] = '\0';
		if (length && !add_ram(line))
			return false;
		iomem += length + (iomem[length] == '\n');
	}
	return true;
}

int memory_start(const char *iomem, unsigned int bits)
{
	n_ram = 0;
	if (bits > MEMORY_BITS || !parse(iomem))
		return -EINVAL;
	phys_bits = bits;
	if (memory_fd < 0)
		memory_fd = memfd_create("memory", MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, 1LL << MEMORY_BITS))
		return -errno;
	memset(ports, 0, sizeof(ports));
	return 0;
}

void memory_stop(void)
{
	free(ram);
	ram = NULL;
	n_ram = 0;
	/* Gives the pages back; the file itself is the next machine's. */
	if (memory_fd >= 0 && ftruncate(memory_fd, 0))
		abort();
}

unsigned int memory_phys_bits(void)
{
	return phys_bits;
}

bool memory_is_ram(uint64_t phys, uint64_t size)
{
	size_t i;

	for (i = 0; i < n_ram; i++)
		if (phys <= ram[i].last && phys + size - 1 >= ram[i].first)
			return true;
	return false;
}

static bool is_addressable(uint64_t phys, uint64_t size)
{
	uint64_t end = phys >= MEMORY_TABLES ? 1ULL << MEMORY_BITS : 1ULL << phys_bits;

	return size && phys < end && size <= end - phys;
}

void *memory_map(uint64_t phys, size_t size)
{
	size_t before = phys % PAGE, length = (before + size + PAGE - 1) / PAGE * PAGE;
	char *map;

	if (!is_addressable(phys, size))
		return NULL;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, phys - before);
	if (map == MAP_FAILED)
		return NULL;
	__asan_poison_memory_region(map, before);
	__asan_poison_memory_region(map + before + size, length - before - size);
	__atomic_add_fetch(&n_maps, 1, __ATOMIC_RELAXED);
	return map + before;
}

void memory_unmap(void *at, size_t size)
{
	size_t before = (uintptr_t)at % PAGE, length = (before + size + PAGE - 1) / PAGE * PAGE;
	char *map = (char *)at - before;

	/* The code that gets these addresses next knows of no poison. */
	__asan_unpoison_memory_region(map, length);
	if (munmap(map, length))
		abort();
	__atomic_sub_fetch(&n_maps, 1, __ATOMIC_RELAXED);
}

unsigned long memory_maps(void)
{
	return __atomic_load_n(&n_maps, __ATOMIC_RELAXED);
}

void machine_write(uint64_t phys, const void *data, size_t size)
{
	if (pwrite(memory_fd, data, size, phys) != (ssize_t)size)
		abort();
}

void machine_read(uint64_t phys, void *ret_data, size_t size)
{
	if (pread(memory_fd, ret_data, size, phys) != (ssize_t)size)
		abort();
}

/* A status bit is cleared by a one. */
static bool is_status(uint16_t port)
{
	return (port >= PORT_PM1_EVENT && port < PORT_PM1_EVENT + 2) ||
	       (port >= PORT_GPE0 && port < PORT_GPE0 + MACHINE_GPES / 8);
}

uint32_t port_read(uint16_t port, unsigned int width)
{
	uint32_t value = 0;
	unsigned int i;

	pthread_mutex_lock(&port_lock);
	for (i = 0; i < width / 8; i++)
		value |= (uint32_t)ports[(uint16_t)(port + i)] << 8 * i;
	pthread_mutex_unlock(&port_lock);
	return value;
}

void port_write(uint16_t port, uint32_t value, unsigned int width)
{
	unsigned int i;
	uint16_t at;

	pthread_mutex_lock(&port_lock);
	for (i = 0; i < width / 8; i++) {
		at = port + i;
		if (is_status(at))
			ports[at] &= ~(value >> 8 * i);
		else
			ports[at] = value >> 8 * i;
	}
	pthread_mutex_unlock(&port_lock);
}

void port_raise_gpe(unsigned int gpe)
{
	pthread_mutex_lock(&port_lock);
	ports[PORT_GPE0 + gpe / 8] |= 1 << gpe % 8;
	pthread_mutex_unlock(&port_lock);
}

bool port_sci(void)
{
	bool asserted = false;
	unsigned int i;

	pthread_mutex_lock(&port_lock);
	for (i = 0; i < MACHINE_GPES / 8; i++)
		asserted |= ports[PORT_GPE0 + i] & ports[PORT_GPE0 + MACHINE_GPES / 8 + i];
	for (i = 0; i < 2; i++)
		asserted |= ports[PORT_PM1_EVENT + i] & ports[PORT_PM1_EVENT + 2 + i];
	pthread_mutex_unlock(&port_lock);
	return asserted;
}
