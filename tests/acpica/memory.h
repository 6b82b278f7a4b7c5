/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The memory, ports and interrupt line of the machine that is played.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What no CPU of today exceeds, and where firmware's tables lie, out of everybody's way. */
enum { MEMORY_BITS = 52 };
#define MEMORY_TABLES (1ULL << (MEMORY_BITS - 1))

/* Registers of the FADT that machine.c makes; GPEs: two bytes of status, two of enable. */
enum {
	PORT_PM1_EVENT	 = 0x600,
	PORT_PM1_CONTROL = 0x604,
	PORT_PM_TIMER	 = 0x608,
	PORT_GPE0	 = 0xafe0,
};

/* Empty memory. Returns: 0; a negative errno: the map cannot be read, or there is no memory. */
int memory_start(const char *iomem, unsigned int phys_bits);
void memory_stop(void);
unsigned int memory_phys_bits(void);

/* Whether the kernel uses any of it: "System RAM" in the map. */
bool memory_is_ram(uint64_t phys, uint64_t size);

/*
 * What is around the range cannot be read by way of it, where the address sanitizer is there.
 *
 * Returns: NULL: no CPU can address it.
 */
void *memory_map(uint64_t phys, size_t size);
void memory_unmap(void *map, size_t size);
/* How many are mapped. */
unsigned long memory_maps(void);

uint32_t port_read(uint16_t port, unsigned int width);
void port_write(uint16_t port, uint32_t value, unsigned int width);
void port_raise_gpe(unsigned int gpe);
/* Whether the SCI is asserted: it is a level. */
bool port_sci(void);

#endif /* MEMORY_H */
