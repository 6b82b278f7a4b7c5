/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who runs a machine, from made-up sysfs trees, what is said of a device there, and what is
 * known to keep the ID. The signs of QEMU's machines are those that tests/vm/t-remedies.py
 * finds in real ones.
 */
#include <string.h>

#include "base/host.h"
#include "scratch.h"
#include "tap.h"

static const char *const directories[] = {
	"hypervisor", "class", "class/dmi", "class/dmi/id", "bus", "bus/acpi", "bus/acpi/devices",
	"bus/acpi/devices/QEMU0002:00", "firmware", "firmware/acpi", "firmware/acpi/tables",
	"firmware/devicetree", "firmware/devicetree/base",
};

#define TYPE	"hypervisor/type"
#define KIND	"hypervisor/guest_type"
#define VENDOR	"class/dmi/id/sys_vendor"
#define PRODUCT	"class/dmi/id/product_name"
#define FW_CFG	"bus/acpi/devices/QEMU0002:00/hid"
#define ACPI	"firmware/acpi/pm_profile"
#define DSDT	"firmware/acpi/tables/DSDT"
#define TREE	"firmware/devicetree/base/compatible"

static const char *const files[] = { TYPE, KIND, VENDOR, PRODUCT, FW_CFG, ACPI, DSDT, TREE };

static const struct {
	const char *name;
	/* (file, content), and what is said. */
	const char *tree[5][2], *says;
} machines[] = {
	{ "nothing", { { NULL } }, "neither ACPI nor a device tree" },
	{ "no ACPI", { { VENDOR, "QEMU\n" }, { PRODUCT, "Standard PC (Q35 + ICH9, 2009)\n" } }, "acpi=off" },
	{ "QEMU q35", { { VENDOR, "QEMU\n" }, { PRODUCT, "Standard PC (Q35 + ICH9, 2009)\n" },
			{ FW_CFG, "QEMU0002\n" }, { ACPI, "0\n" } }, "libvirt: <genid/>" },
	{ "QEMU by another name", { { VENDOR, "Red Hat\n" }, { FW_CFG, "QEMU0002\n" }, { ACPI, "0\n" } },
	  "libvirt: <genid/>" },
	{ "microvm", { { FW_CFG, "QEMU0002\n" }, { ACPI, "0\n" } }, "microvm has none: give it the machine q35" },
	{ "virt, ACPI", { { VENDOR, "QEMU\n" }, { PRODUCT, "QEMU Virtual Machine\n" },
			  { FW_CFG, "QEMU0002\n" }, { ACPI, "0\n" } }, "none for ARM" },
	{ "virt, ACPI, KVM", { { VENDOR, "QEMU\n" }, { PRODUCT, "KVM Virtual Machine\n" },
			       { FW_CFG, "QEMU0002\n" }, { ACPI, "0\n" } }, "none for ARM" },
	{ "virt, device tree", { { TREE, "linux,dummy-virt" } }, "none for ARM" },
	{ "another board", { { TREE, "raspberrypi,4-model-b" } }, "not known here" },
	{ "Xen HVM", { { TYPE, "xen\n" }, { KIND, "HVM\n" }, { VENDOR, "Xen\n" }, { ACPI, "0\n" } },
	  "put ms_vm_genid=\"generate\"" },
	{ "Xen HVM without its drivers", { { VENDOR, "Xen\n" }, { PRODUCT, "HVM domU\n" }, { ACPI, "0\n" } },
	  "put ms_vm_genid=\"generate\"" },
	{ "Xen PVH", { { TYPE, "xen\n" }, { KIND, "PVH\n" }, { ACPI, "0\n" } }, "HVM guests alone" },
	{ "VMware", { { VENDOR, "VMware, Inc.\n" }, { ACPI, "0\n" } }, "VMware" },
	{ "Hyper-V", { { VENDOR, "Microsoft Corporation\n" }, { PRODUCT, "Virtual Machine\n" },
		       { ACPI, "0\n" } }, "Hyper-V" },
	{ "a computer of that vendor", { { VENDOR, "Microsoft Corporation\n" }, { PRODUCT, "Surface\n" },
					 { ACPI, "0\n" } }, "not known here" },
	{ "bhyve", { { VENDOR, "FreeBSD\n" }, { PRODUCT, "BHYVE\n" }, { ACPI, "0\n" } }, "bhyve" },
	{ "Cloud Hypervisor", { { VENDOR, "Cloud Hypervisor\n" }, { ACPI, "0\n" } }, "Cloud Hypervisor" },
	{ "Firecracker", { { DSDT, "DSDT....\2.FIRECKFCVMDSDT" }, { ACPI, "0\n" } }, "Firecracker gives" },
	{ "Firecracker, not as root", { { ACPI, "0\n" } }, "not known here" },
	{ "a shorter table", { { DSDT, "DSDT....\2.FIRE" }, { ACPI, "0\n" } }, "not known here" },
	{ "a vendor who prints in red", { { VENDOR, "\033[31m\n" }, { PRODUCT, "\033[31m\n" }, { ACPI, "0\n" } },
	  "not known here" },
};

/* Where something is known to keep the ID: what, and whether everybody uses it there. */
static const struct {
	const char *machine, *what;
	bool usual;
} habits[] = {
	{ "QEMU q35", "virt-clone", false },
	{ "QEMU by another name", "virt-clone", false },
	{ "Xen HVM", "xl restore", true },
	{ "Xen HVM without its drivers", "xl restore", true },
};

static void look_at_habit(const char *name)
{
	const struct host_habit *habit = host_keeps(scratch_directory);
	size_t j = 0, n = sizeof(habits) / sizeof(habits[0]);

	while (j < n && strcmp(habits[j].machine, name))
		j++;
	if (j == n) {
		ok(!habit, "%s: nothing is known to keep the ID there", name);
		return;
	}
	ok(habit && strstr(habit->text, habits[j].what) && habit->usual == habits[j].usual, "%s: %s keeps the ID there",
	   name, habits[j].what);
	ok(habit && !strpbrk(habit->text, "\n.") && *habit->remedy && !strpbrk(habit->remedy, "\n."),
	   "%s: in a sentence, with the remedy", name);
}

static void look_at(size_t i)
{
	const char *text;
	size_t j;

	for (j = 0; j < sizeof(files) / sizeof(files[0]); j++)
		(void)unlink(scratch_path("%s", files[j]));
	for (j = 0; machines[i].tree[j][0]; j++)
		scratch_write(machines[i].tree[j][0], machines[i].tree[j][1], 0644);
	text = host_explain(scratch_directory);
	ok(strstr(text, machines[i].says) != NULL, "%s: %s", machines[i].name, text);
	ok(!strncmp(text, "this VM has no VM Generation ID device: ", 40) &&
	   !strcmp(host_remedy(scratch_directory), text + 40), "%s: the remedy alone", machines[i].name);
	ok(!strstr(text, "guid=auto") && !strpbrk(text, "\n\033"), "%s: in one line, with a GUID that stays",
	   machines[i].name);
	look_at_habit(machines[i].name);
}

int main(void)
{
	size_t i;

	scratch_create();
	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		scratch_mkdir(directories[i], 0755);
	for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		look_at(i);
	return tap_done();
}
