/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What kmod/acpi.c, device.c and vmclock.c take from the kernel's headers, but for ACPICA's:
 * these are the kernel's own. Included before everything else, as kmod/compat.h is there; of
 * the <linux/...> and <asm/...> that they include, those that user space lacks are empty.
 * What is not named here is not called by these files.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/capability.h>
#include <linux/types.h>

/* The machine is a PC, also if this one is none. */
#define CONFIG_ACPI	1
#define CONFIG_64BIT	1
#define CONFIG_X86	1

typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
/* As the kernel has it on all architectures, so that its formats are right. */
typedef unsigned long long u64;
typedef long long s64;
typedef u64 phys_addr_t;
typedef u64 resource_size_t;
#define U32_MAX UINT32_MAX

#define ACPI_USE_SYSTEM_INTTYPES
#include <acpi/acpi.h>

extern int acpi_disabled;

/* --- linux/compiler.h, linux/kernel.h, linux/build_bug.h, linux/string.h ------------------ */

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))
#define BUILD_BUG_ON(condition)	_Static_assert(!(condition), #condition)
#define IS_ALIGNED(x, size)	(((x) & ((__typeof__(x))(size) - 1)) == 0)
#define xchg(at, value)		__atomic_exchange_n(at, value, __ATOMIC_SEQ_CST)

/* Hosts are little-endian, and so is a PC. */
#define le16_to_cpu(x) ((u16)(x))
#define le32_to_cpu(x) ((u32)(x))
#define le64_to_cpu(x) ((u64)(x))

/* asm/barrier.h, linux/processor.h: the other CPU is another thread here. */
#define virt_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define cpu_relax()	__atomic_signal_fence(__ATOMIC_SEQ_CST)

long strscpy(char *to, const char *from, size_t size);
/* IDs are bytes in the ABI. */
#define strscpy(to, from, size) (strscpy)((char *)(to), from, size)

/* --- linux/printk.h ----------------------------------------------------------------------- */

#define KBUILD_MODNAME "vmgenc"
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
int printk(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define pr_err(fmt, ...)	printk(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	printk(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...)	printk(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	printk(pr_fmt(fmt), ##__VA_ARGS__)

/* --- linux/ioport.h, linux/io.h, asm/processor.h ------------------------------------------ */

#define IORESOURCE_MEM		0x00000200UL
#define IORESOURCE_IO		0x00000100UL
#define IORESOURCE_BUS		0x00001000UL
#define IORESOURCE_TYPE_BITS	0x00001f00UL
#define IORESOURCE_DISABLED	0x10000000UL
#define IORESOURCE_SYSTEM_RAM	(IORESOURCE_MEM | 0x01000000UL)
enum { IORES_DESC_NONE };
enum { REGION_INTERSECTS, REGION_DISJOINT, REGION_MIXED };
enum { MEMREMAP_WB = 1, MEMREMAP_DEC = 16 };

struct resource {
	resource_size_t start;
	resource_size_t end;
	unsigned long flags;
};

struct resource_win {
	struct resource res;
	resource_size_t offset;
};

static inline unsigned long resource_type(const struct resource *res)
{
	return res->flags & IORESOURCE_TYPE_BITS;
}

static inline resource_size_t resource_size(const struct resource *res)
{
	return res->end - res->start + 1;
}

int region_intersects(resource_size_t start, size_t size, unsigned long flags, unsigned long desc);
void *memremap(resource_size_t phys, size_t size, unsigned long flags);
void memunmap(void *memory);

struct cpuinfo_x86 {
	u8 x86_phys_bits;
};
extern struct cpuinfo_x86 boot_cpu_data;
enum { X86_FEATURE_HYPERVISOR };
bool boot_cpu_has(unsigned int feature);
void cpuid(unsigned int leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/* --- linux/device.h, linux/acpi.h --------------------------------------------------------- */

struct device {
	acpi_handle companion;
};

struct bus_type;
extern const struct bus_type platform_bus_type;
#define ACPI_HANDLE(dev) ((dev)->companion)
struct device *bus_find_device(const struct bus_type *bus, struct device *start, const void *data,
			       int (*match)(struct device *dev, const void *data));
void put_device(struct device *dev);

acpi_status acpi_evaluate_integer(acpi_handle handle, acpi_string path,
				  struct acpi_object_list *arguments, unsigned long long *ret);
bool acpi_dev_resource_memory(struct acpi_resource *ares, struct resource *res);
bool acpi_dev_resource_address_space(struct acpi_resource *ares, struct resource_win *win);

/* --- linux/spinlock.h, linux/atomic.h, linux/kthread.h ------------------------------------ */

typedef struct {
	pthread_mutex_t mutex;
} spinlock_t;
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

typedef struct {
	s64 counter;
} atomic64_t;

static inline void atomic64_inc(atomic64_t *v)
{
	__atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

struct kthread_worker;
struct kthread_work {
	void (*func)(struct kthread_work *work);
	bool queued;
};
/* Waits for the work; here it is done by the one that waits. */
void kthread_flush_work(struct kthread_work *work);

/* --- What only stands in the structures of kmod/vmgenc.h ---------------------------------- */

struct ctl_table_header;
struct file;
struct syscore { void *data; };
struct notifier_block { void *data; };
struct timer_list { void *data; };
struct miscdevice { void *data; };
struct delayed_work { void *data; };
typedef struct wait_queue_head { void *data; } wait_queue_head_t;
struct user_namespace { int level; };
extern struct user_namespace init_user_ns;
bool ns_capable_noaudit(struct user_namespace *ns, int capability);

/* --- kernel.c itself ---------------------------------------------------------------------- */

struct machine;
void kernel_start(const struct machine *machine);

#endif /* KERNEL_H */
