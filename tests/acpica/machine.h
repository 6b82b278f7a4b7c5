/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A machine that is played: memory, ports and ACPI tables, on which the kernel's ACPICA and
 * the module's own code run. It can be started and stopped any number of times in a process;
 * there is one at a time. Nothing of the kernel is needed to include this.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A whole table, header and all. Copied; need not be aligned or valid. One that is not as long
 * as its header says is left out, as those are that the kernel takes from an initrd.
 */
struct machine_table {
	const void *data;
	size_t size;
};

struct machine {
	/* The text of /proc/iomem, as root reads it; NULL: nothing is the kernel's memory. */
	const char *iomem;
	/*
	 * SSDTs and the like, in this order. A DSDT among them takes the place of the made one,
	 * which is empty.
	 */
	const struct machine_table *tables;
	unsigned int n_tables;
	/* Of the made DSDT: 1 for integers of 32 bits, as QEMU's pc has; 0 means 2. */
	unsigned int revision;
	/* What the CPU can address; 0 means 40, which is QEMU's own. At most 52. */
	unsigned int phys_bits;
	/* Hardware-reduced ACPI: there is no SCI. */
	bool reduced;
	/* CPUID's signature of the hypervisor, 12 characters, or NULL. */
	const char *hypervisor;
	/*
	 * Allocations after which there is no memory left: a bound for hostile AML. 0: none.
	 * Loops and sleeps take no real time: the clock moves when it is looked at.
	 */
	unsigned long budget;
	/* Takes each line of the module's log, without level and end; NULL: nobody does. */
	void (*log)(void *context, const char *line);
	/* The same for ACPICA's own messages. */
	void (*acpica_log)(void *context, const char *line);
	void *context;
};

/*
 * Powers the machine up and loads its tables, as the kernel does.
 *
 * Returns: 0; -EINVAL: the memory map cannot be read, or there is no machine of that kind;
 * -ENODEV: ACPICA did not start, and the kernel would run without ACPI. Not to be stopped then.
 */
int machine_start(const struct machine *machine);

/*
 * What loading the module does until it has found its devices. With any return value,
 * machine_release() undoes it.
 *
 * Returns: as vmgenc_device_find(): 0; -ENODEV.
 */
int machine_find(void);

/* And listen to them: vmgenc_device_listen(). */
int machine_listen(void);

/* What unloading the module does. Also after a machine_listen() that failed. */
void machine_release(void);

/* Power off: no memory, thread or handler is left. */
void machine_stop(void);

/* The host's side of the memory: at any time from machine_start() on. */
void machine_write(uint64_t phys, const void *data, size_t size);
void machine_read(uint64_t phys, void *ret_data, size_t size);

/* The machine's own GPE block, of 16; the host sets a bit, and the SCI is raised. */
enum { MACHINE_GPES = 16 };
void machine_raise_gpe(unsigned int gpe);

/* Waits until all that was deferred, notifications for example, has run. */
void machine_settle(void);

/* Evaluates a method of AML that takes up to one integer, as a driver in the kernel does. */
int machine_evaluate(const char *path, const uint64_t *argument);

/* Loads a table later, and unloads it again: that is how a device goes away. */
int machine_load(const struct machine_table *table, uint32_t *ret_index);
int machine_unload(uint32_t index);

/* How many devices are in use, and which of them provides the ID: NULL, or its path. */
unsigned int machine_devices(void);
const char *machine_device(void);
uint64_t machine_address(void);
/* Whether the module tells programs that the host notifies of changes. */
bool machine_notifies(void);
/* What the module last read of the device in use. */
void machine_id(uint8_t ret_id[16]);

/* What reached vmgenc_notice(), by source, and vmgenc_device_notified(): generation.c here. */
struct machine_notices {
	unsigned long sci;
	/* Of these, those in an interrupt with a spinlock held. */
	unsigned long sci_locked;
	unsigned long notify;
	unsigned long recheck;
	/* The ID that the last of them read. */
	uint8_t id[16];
};
struct machine_notices machine_notices(void);

/* Which ACPICA this is: "20260408 of linux-source-7.2 7.2.13-1", for example. */
const char *machine_version(void);

#endif /* MACHINE_H */
