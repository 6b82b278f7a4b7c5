// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Finds the generation ID device that ACPI describes and listens for changes.
 *
 * The device is not bound: on most kernels the in-tree driver owns it and must
 * keep it. ACPI allows any number of notify handlers on a device.
 */
#include <linux/acpi.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "vmgenc.h"

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

/* UAPI.14 VMGenID: Notify(device, 0x80) after a change. */
enum { VMGENC_NOTIFY_CHANGED = 0x80 };

/*
 * UAPI.14 names "VM_Gen_Counter", which is longer than ACPI allows for an ID;
 * Hyper-V added the short form. ACPICA turns both into upper case.
 */
static const char * const device_ids[] = { "VM_GEN_COUNTER", "VMGENCTR" };

static bool is_device_id(const char *id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(device_ids); i++)
		if (!strcasecmp(id, device_ids[i]))
			return true;
	return false;
}

/* Any of _HID and _CID may name the device; neither has to exist. */
static bool is_vmgenid(const struct acpi_device_info *info)
{
	u32 i;

	if ((info->valid & ACPI_VALID_HID) &&
	    is_device_id(info->hardware_id.string))
		return true;
	if (!(info->valid & ACPI_VALID_CID))
		return false;
	for (i = 0; i < info->compatible_id_list.count; i++)
		if (is_device_id(info->compatible_id_list.ids[i].string))
			return true;
	return false;
}

/*
 * ACPI 6.5, 6.3.7: without _STA it is all there; below one that is neither
 * present nor functioning there is nothing.
 *
 * Returns: NULL; or what is wrong with _STA, in words.
 */
static const char *evaluate_sta(acpi_handle handle, bool *ret_present)
{
	u32 wanted = ACPI_STA_DEVICE_PRESENT;
	unsigned long long sta;
	acpi_status status;

	do {
		status = acpi_evaluate_integer(handle, "_STA", NULL, &sta);
		if (status == AE_NOT_FOUND)
			sta = wanted;
		else if (ACPI_FAILURE(status))
			return "_STA fails, or does not return an integer";
		if (!(sta & wanted))
			break;
		wanted = ACPI_STA_DEVICE_PRESENT | ACPI_STA_DEVICE_FUNCTIONING;
	} while (ACPI_SUCCESS(acpi_get_parent(handle, &handle)));
	*ret_present = sta & wanted;
	return NULL;
}

/* Returns: NULL; or what is wrong with ADDR, in words. */
static const char *parse_addr(const union acpi_object *addr, u64 *ret_phys)
{
	const union acpi_object *half;

	if (addr->type != ACPI_TYPE_PACKAGE)
		return "ADDR does not return a package";
	if (addr->package.count != 2)
		return "ADDR does not return two elements";
	half = addr->package.elements;
	if (half[0].type != ACPI_TYPE_INTEGER ||
	    half[1].type != ACPI_TYPE_INTEGER)
		return "ADDR does not return integers";
	if (half[0].integer.value > U32_MAX || half[1].integer.value > U32_MAX)
		return "ADDR returns an integer of more than 32 bits";
	*ret_phys = half[0].integer.value | half[1].integer.value << 32;
	return NULL;
}

static const char *evaluate_addr(acpi_handle handle, u64 *ret_phys)
{
	struct acpi_buffer buf = { .length = ACPI_ALLOCATE_BUFFER };
	const char *wrong;

	if (ACPI_FAILURE(acpi_evaluate_object(handle, "ADDR", NULL, &buf)))
		return "ADDR is missing or fails";
	wrong = buf.pointer ? parse_addr(buf.pointer, ret_phys) :
			      "ADDR returns nothing";
	ACPI_FREE(buf.pointer);
	return wrong;
}

static void consider(struct vmgenc *vg, acpi_handle handle, const char *path,
		     const struct acpi_device_info *info)
{
	bool has_hid = info->valid & ACPI_VALID_HID;
	const char *wrong;
	bool present;
	u64 phys = 0;

	wrong = evaluate_sta(handle, &present);
	if (!wrong && !present)
		return;
	if (!wrong)
		wrong = evaluate_addr(handle, &phys);
	if (vmgenc_device_offer(vg, path, has_hid ? info->hardware_id.string : "",
				phys, wrong))
		vg->handle = handle;
}

static acpi_status visit(acpi_handle handle, u32 level, void *context,
			 void **ret)
{
	struct acpi_buffer path = { .length = ACPI_ALLOCATE_BUFFER };
	struct acpi_device_info *info;

	if (ACPI_FAILURE(acpi_get_object_info(handle, &info)))
		return AE_OK;
	if (!is_vmgenid(info))
		goto out;
	if (ACPI_FAILURE(acpi_get_name(handle, ACPI_FULL_PATHNAME, &path)))
		goto out;
	consider(context, handle, path.pointer, info);
out:
	ACPI_FREE(path.pointer);
	ACPI_FREE(info);
	return AE_OK;
}

#ifdef CONFIG_X86
/* Hypervisors keep their signatures 0x100 leaves apart when they mimic others. */
static bool is_hypervisor(const char *signature)
{
	u32 base, eax, sig[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return false;
	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, &eax, &sig[0], &sig[1], &sig[2]);
		if (!memcmp(signature, sig, sizeof(sig)))
			return true;
	}
	return false;
}
#else
static bool is_hypervisor(const char *signature)
{
	return false;
}
#endif

static void find(struct vmgenc *vg)
{
	if (acpi_disabled)
		return;
	acpi_walk_namespace(ACPI_TYPE_DEVICE, ACPI_ROOT_OBJECT, ACPI_UINT32_MAX,
			    visit, NULL, vg, NULL);
}

/*
 * The first to know: runs in the interrupt that announces the change, long
 * before the firmware's method has run and its Notify has been passed on.
 * ACPICA holds the lock of its GPEs.
 */
static u32 handle_sci(void *context)
{
	vmgenc_notice(context, VMGENID_SOURCE_SCI);
	return ACPI_INTERRUPT_NOT_HANDLED;
}

/* May run on two CPUs at once from 6.12 on. */
static void handle_notify(acpi_handle handle, u32 event, void *context)
{
	if (event != VMGENC_NOTIFY_CHANGED)
		return;
	vmgenc_notice(context, VMGENID_SOURCE_NOTIFY);
	vmgenc_device_notified(context);
}

static int cannot_listen(const char *to, acpi_status status)
{
	pr_err("cannot listen to the device's %s: %s\n", to,
	       acpi_format_exception(status));
	return status == AE_NO_MEMORY ? -ENOMEM : -ENODEV;
}

static int listen(struct vmgenc *vg)
{
	acpi_status status;

	/* Kernels for hardware-reduced ACPI have no SCI; Notify has to do. */
	status = acpi_install_sci_handler(handle_sci, vg);
	if (ACPI_FAILURE(status) && status != AE_NOT_CONFIGURED)
		return cannot_listen("interrupt", status);
	status = acpi_install_notify_handler(vg->handle, ACPI_DEVICE_NOTIFY,
					     handle_notify, vg);
	if (ACPI_FAILURE(status)) {
		acpi_remove_sci_handler(handle_sci);
		return cannot_listen("notifications", status);
	}
	vg->host_notifies = !is_hypervisor("XenVMMXenVMM") &&
			    !is_hypervisor("bhyve bhyve ");
	return 0;
}

static void ignore(struct vmgenc *vg)
{
	acpi_remove_notify_handler(vg->handle, ACPI_DEVICE_NOTIFY,
				   handle_notify);
	acpi_remove_sci_handler(handle_sci);
}

const struct vmgenc_firmware vmgenc_acpi = {
	.find = find,
	.listen = listen,
	.ignore = ignore,
};
