/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who runs this machine: a table of what each host leaves in sysfs, of what to do
 * there, and of what is done there wrongly. The first row that holds is taken.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define MISSING	"this VM has no VM Generation ID device: "
#define QEMU	"-device vmgenid,guid=UUID, with a UUID of its own that stays until it is restored or cloned"
/* Literals of their own, for not all of it was tried. */
#define NOT_XL	"; XCP-ng and XenServer give Linux none (not tried)"
#define ON_XEN	MISSING "on Xen: put ms_vm_genid=\"generate\" into its configuration for xl, which each restore has to name: xl restore CONFIG FILE" NOT_XL
#define ON_ARM	MISSING "QEMU has none for ARM; Firecracker gives one since 1.9 (not tried)"

enum {
	SIGNS = 3,
	/* As long as any beginning below. */
	SIGN_SIZE = 32,
};

/* A file of sysfs that begins so, at that place; NULL: there is none of that name. */
struct sign {
	const char *file, *beginning;
	off_t offset;
};

#define SIGN(name, text) { .file = (name), .beginning = (text) }
#define VENDOR(text)	SIGN("class/dmi/id/sys_vendor", text)
#define PRODUCT(text)	SIGN("class/dmi/id/product_name", text)
#define XEN		SIGN("hypervisor/type", "xen")
#define XEN_HVM		SIGN("hypervisor/guest_type", "HVM")
/* What QEMU hands its tables to the firmware by. */
#define FW_CFG		SIGN("bus/acpi/devices/QEMU0002:00/hid", "QEMU0002")
#define NO_DMI		SIGN("class/dmi/id/sys_vendor", NULL)
#define NO_ACPI		SIGN("firmware/acpi/pm_profile", NULL)
#define NO_TREE		SIGN("firmware/devicetree/base/compatible", NULL)
#define BOARD		SIGN("firmware/devicetree/base/compatible", "linux,dummy-virt")
/* ACPI: a table's header has its maker there; only root may read it. */
#define MAKER(text)	{ .file = "firmware/acpi/tables/DSDT", .beginning = (text), .offset = 10 }

/* The saved configuration has the ID in it, and that of the command line draws another. */
static const struct host_habit xl = {
	.text = "xl restore without a configuration keeps the ID, so this VM cannot detect such a restore",
	.remedy = "xl restore CONFIG FILE",
	.usual = true,
};

/* Whether QEMU is libvirt's is not to be seen: libvirt leaves DMI and fw_cfg as they are. */
static const struct host_habit virt_clone = {
	.text = "virt-clone of libvirt keeps <genid>, so a clone that it makes cannot detect that",
	.remedy = "before the clone starts: virt-xml NAME --edit --metadata genid=,genid_enable=yes",
};

static const struct host {
	struct sign signs[SIGNS];
	const char *text;
	const struct host_habit *keeps;
} hosts[] = {
	/* What Xen says of itself comes first: its machines are QEMU's in other respects. */
	{ { XEN, XEN_HVM }, ON_XEN, &xl },
	{ { XEN },
	  MISSING "Xen has one for HVM guests alone: make it one, with ms_vm_genid=\"generate\" in its configuration", NULL },
	{ { VENDOR("Xen"), PRODUCT("HVM domU") }, ON_XEN, &xl },
	{ { VENDOR("VMware") },
	  MISSING "on VMware see that its .vmx file has vm.genid and vm.genidX, and that its hardware version is not an old one (not tried)", NULL },
	{ { VENDOR("Microsoft Corporation"), PRODUCT("Virtual Machine") },
	  MISSING "Hyper-V gives one to each VM since Windows Server 2012: move it to a newer host (not tried)", NULL },
	{ { PRODUCT("BHYVE") },
	  MISSING "bhyve gives one where it makes the ACPI tables itself: start it with -A, on a newer FreeBSD if that does not do (not tried)", NULL },
	{ { VENDOR("Cloud Hypervisor") },
	  MISSING "Cloud Hypervisor had none in 2026 (not tried); QEMU has: " QEMU, NULL },
	{ { VENDOR("QEMU"), NO_ACPI, NO_TREE },
	  MISSING "its kernel runs without ACPI, which describes it: boot it without acpi=off", NULL },
	{ { VENDOR("QEMU"), PRODUCT("QEMU Virtual Machine") }, ON_ARM, NULL },
	{ { VENDOR("QEMU"), PRODUCT("KVM Virtual Machine") }, ON_ARM, NULL },
	{ { BOARD }, ON_ARM, NULL },
	{ { FW_CFG, NO_DMI },
	  MISSING "QEMU's machine microvm has none: give it the machine q35 and " QEMU, NULL },
	{ { FW_CFG },
	  MISSING "on the host, for QEMU: " QEMU "; for libvirt: <genid/>; for Proxmox: qm set VMID --vmgenid 1 (not tried)",
	  &virt_clone },
	{ { MAKER("FIRECK") },
	  MISSING "Firecracker gives one since 1.8: upgrade it, and make the snapshot again (not tried)", NULL },
	{ { NO_DMI, NO_ACPI, NO_TREE },
	  MISSING "it has neither ACPI nor a device tree, which describe one: Firecracker has ACPI since 1.8 (not tried); for QEMU's microvm give it the machine q35 and " QEMU, NULL },
	{ { SIGN(NULL, NULL) },
	  MISSING "its host is not known here; vmgen-hypervisors(7) says which give one, and how", NULL },
};

static bool begins_so(const char *sysfs, const struct sign *sign)
{
	char path[PATH_MAX], text[SIGN_SIZE];
	size_t length;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", sysfs, sign->file);
	if (!sign->beginning)
		return access(path, F_OK);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	length = strlen(sign->beginning);
	n = pread(fd, text, length, sign->offset);
	close(fd);
	return n == (ssize_t)length && !memcmp(text, sign->beginning, length);
}

static bool holds(const char *sysfs, const struct host *host)
{
	const struct sign *sign;

	for (sign = host->signs; sign < host->signs + SIGNS && sign->file; sign++)
		if (!begins_so(sysfs, sign))
			return false;
	return true;
}

static const struct host *find(const char *sysfs)
{
	const struct host *host = hosts;

	/* The last one has no signs. */
	while (!holds(sysfs, host))
		host++;
	return host;
}

const char *host_explain(const char *sysfs)
{
	return find(sysfs)->text;
}

const char *host_remedy(const char *sysfs)
{
	return host_explain(sysfs) + strlen(MISSING);
}

const struct host_habit *host_keeps(const char *sysfs)
{
	return find(sysfs)->keeps;
}
