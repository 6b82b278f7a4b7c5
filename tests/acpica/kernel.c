// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The calls of the kernel that kernel.h declares. Where one may only be made in some places,
 * that is checked.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "machine.h"
#include "memory.h"
#include "osl.h"

struct bus_type {
	int none;
};

int acpi_disabled;
struct cpuinfo_x86 boot_cpu_data;
struct user_namespace init_user_ns;
const struct bus_type platform_bus_type;

static void (*log_line)(void *context, const char *line);
static void *log_context;
static const char *hypervisor;

void kernel_start(const struct machine *machine)
{
	log_line = machine->log;
	log_context = machine->context;
	hypervisor = machine->hypervisor;
	boot_cpu_data.x86_phys_bits = memory_phys_bits();
}

/* All levels are one log; from an interrupt nothing of the module may print. */
int printk(const char *format, ...)
{
	char line[1024];
	va_list args;
	int length;

	osl_might_sleep();
	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	line[strcspn(line, "\n")] = '\0';
	if (log_line)
		log_line(log_context, line);
	return length;
}

long (strscpy)(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size);

	if (!size)
		return -E2BIG;
	memcpy(to, from, length < size ? length : size - 1);
	to[length < size ? length : size - 1] = '\0';
	return length < size ? (long)length : -E2BIG;
}

/* kernel/resource.c: of MIXED nobody who asks for DISJOINT hears. */
int region_intersects(resource_size_t start, size_t size, unsigned long flags, unsigned long desc)
{
	if (flags != IORESOURCE_SYSTEM_RAM || desc != IORES_DESC_NONE)
		abort();
	return memory_is_ram(start, size) ? REGION_INTERSECTS : REGION_DISJOINT;
}

/* Mappings with their sizes, which memunmap() is not told. */
static struct {
	void *memory;
	size_t size;
} mapped[16];

/* kernel/iomem.c: of the kernel's own memory it would give what others write to. */
void *memremap(resource_size_t phys, size_t size, unsigned long flags)
{
	size_t i = 0;

	osl_might_sleep();
	if (flags != (MEMREMAP_WB | MEMREMAP_DEC) || memory_is_ram(phys, size))
		abort();
	while (mapped[i].memory)
		if (++i == sizeof(mapped) / sizeof(*mapped))
			abort();
	mapped[i].memory = memory_map(phys, size);
	mapped[i].size = size;
	return mapped[i].memory;
}

void memunmap(void *memory)
{
	size_t i = 0;

	osl_might_sleep();
	while (mapped[i].memory != memory)
		if (++i == sizeof(mapped) / sizeof(*mapped))
			abort();
	mapped[i].memory = NULL;
	memory_unmap(memory, mapped[i].size);
}

bool boot_cpu_has(unsigned int feature)
{
	return feature == X86_FEATURE_HYPERVISOR && hypervisor;
}

/* Other leaves name nobody. */
void cpuid(unsigned int leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	u32 sig[3] = { 0 };

	if (leaf == 0x40000000 && hypervisor)
		memcpy(sig, hypervisor, sizeof(sig));
	*eax = leaf;
	*ebx = sig[0];
	*ecx = sig[1];
	*edx = sig[2];
}

/* There is no core of drivers, so no device has another one for a companion. */
struct device *bus_find_device(const struct bus_type *bus, struct device *start, const void *data,
			       int (*match)(struct device *dev, const void *data))
{
	struct device none = { 0 };

	if (bus != &platform_bus_type || start || match(&none, data))
		abort();
	return NULL;
}

void put_device(struct device *dev)
{
	if (dev)
		abort();
}

/* drivers/acpi/utils.c: all that is no integer is an error. */
acpi_status acpi_evaluate_integer(acpi_handle handle, acpi_string path,
				  struct acpi_object_list *arguments, unsigned long long *ret)
{
	union acpi_object result = { .type = ACPI_TYPE_ANY };
	struct acpi_buffer buffer = { sizeof(result), &result };
	acpi_status status;

	osl_might_sleep();
	status = acpi_evaluate_object(handle, path, arguments, &buffer);
	if (ACPI_FAILURE(status))
		return status;
	if (result.type != ACPI_TYPE_INTEGER)
		return AE_BAD_DATA;
	*ret = result.integer.value;
	return AE_OK;
}

/* drivers/acpi/resource.c: a range that is empty or wraps is none. */
static bool set_memory(struct resource *res, u64 start, u64 end, u64 length)
{
	*res = (struct resource){ .start = start, .end = end, .flags = IORESOURCE_MEM };
	if (!length || start > end || end - start + 1 == 0)
		res->flags |= IORESOURCE_DISABLED;
	return !(res->flags & IORESOURCE_DISABLED);
}

bool acpi_dev_resource_memory(struct acpi_resource *ares, struct resource *res)
{
	u64 start, length;

	switch (ares->type) {
	case ACPI_RESOURCE_TYPE_MEMORY24:
		/* These are int there, but of 16 bits, so never negative. */
		start = ares->data.memory24.minimum << 8;
		length = ares->data.memory24.address_length << 8;
		break;
	case ACPI_RESOURCE_TYPE_MEMORY32:
		start = ares->data.memory32.minimum;
		length = ares->data.memory32.address_length;
		break;
	case ACPI_RESOURCE_TYPE_FIXED_MEMORY32:
		start = ares->data.fixed_memory32.address;
		length = ares->data.fixed_memory32.address_length;
		break;
	default:
		res->flags = 0;
		return false;
	}
	return set_memory(res, start, start + length - 1, length);
}

/* The same file; what firmware says of the length does not have to fit the two ends. */
bool acpi_dev_resource_address_space(struct acpi_resource *ares, struct resource_win *win)
{
	struct acpi_resource_address64 space;
	u64 offset;

	win->res.flags = 0;
	if (ACPI_FAILURE(acpi_resource_to_address64(ares, &space)))
		return false;
	offset = space.producer_consumer == ACPI_PRODUCER ? space.address.translation_offset : 0;
	win->offset = offset;
	if (space.resource_type == ACPI_MEMORY_RANGE)
		return set_memory(&win->res, space.address.minimum + offset,
				  space.address.maximum + offset, space.address.address_length);
	/* Ports and bus numbers, of which acpi.c only wants to know that they are no memory. */
	win->res.flags = space.resource_type == ACPI_IO_RANGE ? IORESOURCE_IO : IORESOURCE_BUS;
	return space.resource_type <= ACPI_BUS_NUMBER_RANGE;
}

/* None of the module's is taken in an interrupt. */
void spin_lock(spinlock_t *lock)
{
	osl_might_sleep();
	pthread_mutex_lock(&lock->mutex);
}

void spin_unlock(spinlock_t *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

void kthread_flush_work(struct kthread_work *work)
{
	osl_might_sleep();
	if (__atomic_exchange_n(&work->queued, false, __ATOMIC_SEQ_CST))
		work->func(work);
}

bool ns_capable_noaudit(struct user_namespace *ns, int capability)
{
	(void)ns, (void)capability;
	return false;
}
