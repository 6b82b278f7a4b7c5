// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * ACPICA's OS services. What each stands for is in drivers/acpi/osl.c of the kernel, where
 * nothing else is named. Locks are in locks.c, and when things run is in deferred.c.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <acpi/acpi.h>
#include <acpi/accommon.h>

#include "memory.h"
#include "osl.h"

/* Units of 100 ns, which ACPICA's timer has. */
enum { SECOND = 10000000, MILLISECOND = 10000 };

static unsigned long budget;
static bool bounded;
static osl_log *log_line;
static void *log_context;
static u64 clock_ahead;


void osl_start(unsigned long allocations, osl_log *log, void *context)
{
	budget = allocations;
	bounded = allocations;
	log_line = log;
	log_context = context;
	clock_ahead = 0;
}

void osl_unbound(void)
{
	__atomic_store_n(&bounded, false, __ATOMIC_RELAXED);
}

/*
 * What ACPICA's own counting of references loses is not the module's, which never has such
 * objects in its hands. Found so: of a package that _CID returns, each element with a lower-case
 * letter when acpi_ns_repair_HID() puts another one in its place, and each buffer.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:acpi_ut_create_internal_object\nleak:acpi_ds_build_internal\n"
	       "leak:acpi_ut_create_string_object\n";
}

/* Not every time that is so. */
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* Maps registers that lie in memory, for use in interrupts; those of machine.c are ports. */
acpi_status acpi_os_initialize(void)
{
	return AE_OK;
}

/* From EFI, or where a BIOS leaves it; here in front of the tables. */
acpi_physical_address acpi_os_get_root_pointer(void)
{
	return MEMORY_TABLES;
}

/* acpi_os_name= and acpi_rev_override are not on the command line. */
acpi_status acpi_os_predefined_override(const struct acpi_predefined_names *name, acpi_string *value)
{
	(void)name;
	*value = NULL;
	return AE_OK;
}

/* CONFIG_ACPI_CUSTOM_DSDT is not set. */
acpi_status acpi_os_table_override(struct acpi_table_header *old, struct acpi_table_header **ret)
{
	(void)old;
	*ret = NULL;
	return AE_OK;
}

/* drivers/acpi/tables.c: no initrd has another table in its place. */
acpi_status acpi_os_physical_table_override(struct acpi_table_header *old,
					    acpi_physical_address *ret_address, u32 *ret_length)
{
	(void)old;
	*ret_address = 0;
	*ret_length = 0;
	return AE_OK;
}

/* --- Memory ------------------------------------------------------------------------------ */

static bool is_spent(void)
{
	if (!__atomic_load_n(&bounded, __ATOMIC_RELAXED))
		return false;
	if (__atomic_load_n(&budget, __ATOMIC_RELAXED) == 0)
		return true;
	__atomic_sub_fetch(&budget, 1, __ATOMIC_RELAXED);
	return false;
}

/* kmalloc: GFP_KERNEL, or GFP_ATOMIC with interrupts off. As there nothing is this large. */
void *acpi_os_allocate(acpi_size size)
{
	return is_spent() || size > 4 << 20 ? NULL : malloc(size);
}

/* kzalloc */
void *acpi_os_allocate_zeroed(acpi_size size)
{
	return is_spent() || size > 4 << 20 ? NULL : calloc(1, size);
}

/* kfree */
void acpi_os_free(void *memory)
{
	free(memory);
}

/* kmem_cache_create: only the size is kept, so that each object is malloc's and watched. */
acpi_status acpi_os_create_cache(char *name, u16 size, u16 depth, acpi_cache_t **ret_cache)
{
	u16 *cache = malloc(sizeof(*cache));

	(void)name, (void)depth;
	if (!cache)
		return AE_ERROR;
	*cache = size;
	*ret_cache = (acpi_cache_t *)cache;
	return AE_OK;
}

/* kmem_cache_destroy */
acpi_status acpi_os_delete_cache(acpi_cache_t *cache)
{
	free(cache);
	return AE_OK;
}

/* kmem_cache_shrink: there is nothing to spare. */
acpi_status acpi_os_purge_cache(acpi_cache_t *cache)
{
	(void)cache;
	return AE_OK;
}

/* kmem_cache_zalloc */
void *acpi_os_acquire_object(acpi_cache_t *cache)
{
	return is_spent() ? NULL : calloc(1, *(u16 *)cache);
}

/* kmem_cache_free */
acpi_status acpi_os_release_object(acpi_cache_t *cache, void *object)
{
	(void)cache;
	free(object);
	return AE_OK;
}

/* kmap of one page of the kernel's memory, ioremap of all else: may sleep. */
void *acpi_os_map_memory(acpi_physical_address phys, acpi_size size)
{
	osl_might_sleep();
	if (size > ACPI_DEFAULT_PAGE_SIZE && memory_is_ram(phys, 1))
		return NULL;
	return memory_map(phys, size);
}

/* kunmap, iounmap; the kernel does that later, so nobody may rely on the memory going. */
void acpi_os_unmap_memory(void *memory, acpi_size size)
{
	osl_might_sleep();
	memory_unmap(memory, size);
}

/* ioremap of what is not mapped yet, so in no interrupt. */
acpi_status acpi_os_read_memory(acpi_physical_address phys, u64 *ret_value, u32 width)
{
	void *memory = memory_map(phys, width / 8);

	if (!memory)
		return AE_BAD_ADDRESS;
	*ret_value = 0;
	memcpy(ret_value, memory, width / 8);
	memory_unmap(memory, width / 8);
	return AE_OK;
}

/* The same. */
acpi_status acpi_os_write_memory(acpi_physical_address phys, u64 value, u32 width)
{
	void *memory = memory_map(phys, width / 8);

	if (!memory)
		return AE_BAD_ADDRESS;
	memcpy(memory, &value, width / 8);
	memory_unmap(memory, width / 8);
	return AE_OK;
}

/* inb, inw, inl */
acpi_status acpi_os_read_port(acpi_io_address port, u32 *ret_value, u32 width)
{
	if (width > 32)
		return AE_BAD_PARAMETER;
	*ret_value = port_read(port, width <= 8 ? 8 : width <= 16 ? 16 : 32);
	return AE_OK;
}

/* outb, outw, outl; the line is looked at when the holder of locks is done. */
acpi_status acpi_os_write_port(acpi_io_address port, u32 value, u32 width)
{
	if (width > 32)
		return AE_BAD_PARAMETER;
	port_write(port, value, width <= 8 ? 8 : width <= 16 ? 16 : 32);
	return AE_OK;
}

/* raw_pci_read where nothing answers: all ones. */
acpi_status acpi_os_read_pci_configuration(struct acpi_pci_id *id, u32 reg, u64 *ret_value,
					   u32 width)
{
	(void)id, (void)reg;
	if (width != 8 && width != 16 && width != 32)
		return AE_ERROR;
	*ret_value = (1ULL << width) - 1;
	return AE_OK;
}

/* raw_pci_write where nobody listens. */
acpi_status acpi_os_write_pci_configuration(struct acpi_pci_id *id, u32 reg, u64 value, u32 width)
{
	(void)id, (void)reg, (void)value;
	return width == 8 || width == 16 || width == 32 ? AE_OK : AE_ERROR;
}

/* --- Time, signals, messages ------------------------------------------------------------- */

/* current, of whom there is one for each thread. */
acpi_thread_id acpi_os_get_thread_id(void)
{
	return (acpi_thread_id)(uintptr_t)pthread_self();
}

/* usleep_range; nothing happens meanwhile that this could wait for. */
void acpi_os_sleep(u64 milliseconds)
{
	osl_might_sleep();
	__atomic_add_fetch(&clock_ahead, milliseconds * MILLISECOND, __ATOMIC_RELAXED);
}

/* udelay */
void acpi_os_stall(u32 microseconds)
{
	__atomic_add_fetch(&clock_ahead, microseconds * 10, __ATOMIC_RELAXED);
}

/*
 * Jiffies. ACPICA ends loops of AML by it, after 30 s: where AML is bounded, each look at the
 * clock takes 10 ms, so that these are 3000 rounds.
 */
u64 acpi_os_get_timer(void)
{
	struct timespec now;

	if (__atomic_load_n(&bounded, __ATOMIC_RELAXED))
		return __atomic_add_fetch(&clock_ahead, 10 * MILLISECOND, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return __atomic_load_n(&clock_ahead, __ATOMIC_RELAXED) +
	       (u64)now.tv_sec * SECOND + now.tv_nsec / 100;
}

/* pr_emerg; then the kernel powers the machine off, which is more than is played. */
acpi_status acpi_os_signal(u32 function, void *info)
{
	(void)info;
	if (function == ACPI_SIGNAL_FATAL)
		acpi_os_printf("Fatal error while evaluating ACPI control method\n");
	return AE_OK;
}

/* Nobody sleeps here. */
acpi_status acpi_os_enter_sleep(u8 state, u32 a, u32 b)
{
	(void)state, (void)a, (void)b;
	return AE_CTRL_TERMINATE;
}

/* printk, with KERN_CONT for what is no whole line. */
void __attribute__((format(printf, 1, 0))) acpi_os_vprintf(const char *format, va_list args)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char line[1024];
	static size_t length;
	char *end;

	pthread_mutex_lock(&lock);
	vsnprintf(line + length, sizeof(line) - length, format, args);
	length = strlen(line);
	while ((end = strchr(line, '\n')) || length == sizeof(line) - 1) {
		if (!end)
			end = &line[length - 1];
		*end++ = '\0';
		if (log_line && *line)
			log_line(log_context, line);
		length -= end - line;
		memmove(line, end, length + 1);
	}
	pthread_mutex_unlock(&lock);
}

/* printk */
void acpi_os_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	acpi_os_vprintf(format, args);
	va_end(args);
}
