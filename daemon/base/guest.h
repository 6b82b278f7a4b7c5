/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What there is to say of this machine: why it has no device of vmgen, whether
 * its kernel keeps the ID through hibernation, and what to do about it.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>

enum guest {
	/* The device can be opened. */
	GUEST_READY,
	/* It is there, but may not be opened, or not so that it gives the ID. */
	GUEST_NO_RIGHTS,
	/* There is nothing of the name that was given. */
	GUEST_NO_NODE,
	/* Whether there is one cannot be known: sysfs is not mounted. */
	GUEST_NO_SYSFS,
	/* The hypervisor shows no VM Generation ID device. */
	GUEST_NO_DEVICE,
	/* It does, but the kernel module is not loaded. */
	GUEST_NO_MODULE,
	/* The module is loaded, but refused what the firmware says. */
	GUEST_REFUSED,
	/* The device cannot be opened for another reason. */
	GUEST_BROKEN,
};

#define GUEST_SYSFS	"/sys"

/*
 * Says why a device could not be opened. error: what vmgen_open() returned.
 * node: what it should open. sysfs: GUEST_SYSFS.
 */
enum guest guest_diagnose(int error, const char *node, const char *sysfs);

/* Returns a sentence without a full stop: what is wrong, and the remedy. sysfs: GUEST_SYSFS. */
const char *guest_explain(enum guest guest, const char *sysfs);

/* Is the kernel's own driver of a generation ID device at work? */
bool guest_has_intree(const char *sysfs);

#define GUEST_CMDLINE	"/proc/cmdline"

/*
 * Does this kernel leave ACPI NVS memory, in which the ID may lie, alone when it
 * hibernates? cmdline: GUEST_CMDLINE. The parameter is acpi_sleep=nonvs, also
 * among others (Linux, Documentation/admin-guide/kernel-parameters.txt). False
 * when in doubt.
 */
bool guest_spares_nvs(const char *cmdline);

#define GUEST_FIPS	"/proc/sys/crypto/fips_enabled"

/*
 * Is this kernel in FIPS mode? getrandom(2) may then be another generator than the
 * one that can be reseeded. path: GUEST_FIPS.
 */
bool guest_in_fips_mode(const char *path);

#endif /* GUEST_H */
