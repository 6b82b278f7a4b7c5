/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * An open /dev/vmgenid with its mappings.
 */
#ifndef VMGEN_DEVICE_H
#define VMGEN_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmgen/vmgenid.h>

/* The ID as two words: 16 bytes cannot be loaded at once. */
struct device_id {
	uint64_t half[2];
};

struct device {
	int fd;
	bool privileged;
	/* Page 0, kept by the module. */
	const struct vmgenid_page *page;
	/* The ID in page 1, the hypervisor's; NULL: not mapped. */
	const struct device_id *raw;
	/* What to unmap; the ID stands somewhere inside. */
	void *raw_page;
};

int device_open(const char *path, struct device *ret_device);
void device_close(struct device *device);
int device_wait(const struct device *device, uint64_t known, int64_t timeout_ns,
		struct vmgenid_record *ret_record);
int device_read(const struct device *device, struct vmgenid_record *ret_record);
int device_info(const struct device *device, struct vmgenid_info *ret_info);

/* After the generation, which is stored last. */
static inline uint32_t device_flags(const struct device *device)
{
	return __atomic_load_n(&device->page->flags, __ATOMIC_RELAXED);
}

static inline uint64_t device_generation(const struct device *device)
{
	/* Pairs with the store-release of the module. */
	return __atomic_load_n(&device->page->generation, __ATOMIC_ACQUIRE);
}

/* Only where raw is mapped. */
static inline struct device_id device_raw_id(const struct device *device)
{
	return (struct device_id){ {
		__atomic_load_n(&device->raw->half[0], __ATOMIC_ACQUIRE),
		__atomic_load_n(&device->raw->half[1], __ATOMIC_ACQUIRE),
	} };
}

#endif /* VMGEN_DEVICE_H */
