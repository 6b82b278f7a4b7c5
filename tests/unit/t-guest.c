/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why a device is missing, from made-up sysfs trees.
 */
#include <errno.h>

#include "base/guest.h"
#include "base/host.h"
#include "base/paths.h"
#include "scratch.h"
#include "tap.h"

int main(void)
{
	enum guest guest;

	scratch_create();
	equal(guest_diagnose(0, PATH_DEVICE, scratch_directory), GUEST_READY, "it could be opened");
	equal(guest_diagnose(-EACCES, PATH_DEVICE, scratch_directory), GUEST_NO_RIGHTS, "no rights");
	equal(guest_diagnose(-EIO, PATH_DEVICE, scratch_directory), GUEST_BROKEN, "another error");
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_SYSFS, "no sysfs");
	equal(guest_diagnose(-ENOENT, "/dev/other", scratch_directory), GUEST_NO_NODE, "another path");
	scratch_mkdir("bus", 0755);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_DEVICE, "no ACPI at all");
	scratch_mkdir("bus/acpi", 0755);
	scratch_mkdir("bus/acpi/devices", 0755);
	scratch_mkdir("bus/acpi/devices/PNP0A03:00", 0755);
	scratch_write("bus/acpi/devices/PNP0A03:00/modalias", "acpi:PNP0A03:\n", 0644);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_DEVICE, "no such ACPI device");
	scratch_mkdir("bus/platform", 0755);
	scratch_mkdir("bus/platform/devices", 0755);
	scratch_mkdir("bus/platform/devices/c0000000.vmgenid", 0755);
	scratch_write("bus/platform/devices/c0000000.vmgenid/modalias",
		      "of:NvmgenidT(null)Cmicrosoft,vmgenid\n", 0644);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_MODULE, "a device tree's, no module");
	scratch_write("bus/platform/devices/c0000000.vmgenid/modalias", "of:NrtcT(null)Carm,pl031\n", 0644);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_DEVICE, "another device tree's");
	scratch_mkdir("bus/acpi/devices/QEMUVGID:00", 0755);
	scratch_write("bus/acpi/devices/QEMUVGID:00/modalias", "acpi:QEMUVGID:VM_GEN_COUNTER:\n", 0644);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_NO_MODULE, "QEMU's, no module");
	scratch_write("bus/acpi/devices/QEMUVGID:00/modalias", "acpi:VMGENCTR:\n", 0644);
	equal(guest_diagnose(-ENXIO, PATH_DEVICE, scratch_directory), GUEST_NO_MODULE, "Firecracker's, no module");
	scratch_mkdir("module", 0755);
	scratch_mkdir("module/vmgenc", 0755);
	equal(guest_diagnose(-ENOENT, PATH_DEVICE, scratch_directory), GUEST_REFUSED, "module without a device");
	static const struct {
		const char *cmdline;
		bool spares;
	} lines[] = {
		{ "quiet\n", false },
		{ "acpi_sleep=nonvs\n", true },
		{ "quiet acpi_sleep=s3_bios,nonvs panic=-1\n", true },
		{ "acpi_sleep=s3_bios acpi_sleep=nonvs\n", true },
		{ "acpi_sleep=nonvs2\n", false },
		{ "no_acpi_sleep=nonvs\n", false },
	};

	equal(guest_spares_nvs("no such file"), false, "no command line");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		scratch_write("cmdline", lines[i].cmdline, 0644);
		ok(guest_spares_nvs(scratch_path("cmdline")) == lines[i].spares, "%.*s",
		   (int)strlen(lines[i].cmdline) - 1, lines[i].cmdline);
	}
	equal(guest_in_fips_mode("no such file"), false, "a kernel that has no FIPS mode");
	scratch_write("fips", "0\n", 0644);
	equal(guest_in_fips_mode(scratch_path("fips")), false, "one that is not in it");
	scratch_write("fips", "1\n", 0644);
	equal(guest_in_fips_mode(scratch_path("fips")), true, "one that is");
	equal(strcmp(guest_explain(GUEST_NO_DEVICE, scratch_directory), host_explain(scratch_directory)), 0,
	      "without a device the host is to provide one");
	scratch_write("bus/acpi/devices/PNP0A03:00/modalias", "acpi:AMZNC10C:VMCLOCK:\n", 0644);
	ok(strstr(guest_explain(GUEST_NO_DEVICE, scratch_directory), "a VMClock") &&
	   strstr(guest_explain(GUEST_NO_DEVICE, scratch_directory), "modprobe vmgenc"),
	   "whether a VMClock counts only the module knows");
	for (guest = GUEST_READY; guest <= GUEST_BROKEN; guest++)
		ok(strlen(guest_explain(guest, scratch_directory)) > 10, "said in words: %s",
		   guest_explain(guest, scratch_directory));
	return tap_done();
}
