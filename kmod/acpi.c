// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Finds the devices that ACPI describes and listens for changes.
 *
 * They are not bound: on most kernels in-tree drivers own them and must keep
 * them. ACPI allows any number of notify handlers on a device.
 */
#include <linux/acpi.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "vmgenc.h"

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

/* UAPI.13 VMClock, UAPI.14 VMGenID: Notify(device, 0x80) after a change. */
enum { VMGENC_NOTIFY_CHANGED = 0x80 };

/*
 * UAPI.14 names "VM_Gen_Counter", which is longer than ACPI allows for an ID;
 * Hyper-V added the short form. ACPICA turns both into upper case.
 */
static const char * const genid_names[] = { "VM_GEN_COUNTER", "VMGENCTR", NULL };

/* UAPI.13 VMClock; the first is Amazon's. */
static const char * const vmclock_names[] = { "AMZNC10C", "VMCLOCK", NULL };

/* What a walk through the namespace looks for. */
struct search {
	struct vmgenc *vg;
	const struct vmgenc_firmware *firmware;
};

/* Where firmware says that the memory lies. */
struct place {
	u64 phys;
	u64 room;
	unsigned int n;
};

static bool is_name(const char *id, const char * const *names)
{
	for (; *names; names++)
		if (!strcasecmp(id, *names))
			return true;
	return false;
}

/* Any of _HID and _CID may name the device; neither has to exist. */
static bool is_device(const struct acpi_device_info *info, const char * const *names)
{
	u32 i;

	if ((info->valid & ACPI_VALID_HID) &&
	    is_name(info->hardware_id.string, names))
		return true;
	if (!(info->valid & ACPI_VALID_CID))
		return false;
	for (i = 0; i < info->compatible_id_list.count; i++)
		if (is_name(info->compatible_id_list.ids[i].string, names))
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
static const char *parse_addr(const union acpi_object *addr, struct place *ret_place)
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
	ret_place->phys = half[0].integer.value | half[1].integer.value << 32;
	ret_place->room = VMGENID_ID_SIZE;
	return NULL;
}

static const char *evaluate_addr(acpi_handle handle, struct place *ret_place)
{
	struct acpi_buffer buf = { .length = ACPI_ALLOCATE_BUFFER };
	const char *wrong;

	if (ACPI_FAILURE(acpi_evaluate_object(handle, "ADDR", NULL, &buf)))
		wrong = "ADDR is missing or fails";
	else
		wrong = buf.pointer ? parse_addr(buf.pointer, ret_place) :
				      "ADDR returns nothing";
	/* ACPICA leaves it also where it fails while it copies the object. */
	ACPI_FREE(buf.pointer);
	return wrong;
}

/* Of what is not memory nothing is known, and nothing is wrong with it. */
static acpi_status add_resource(struct acpi_resource *ares, void *context)
{
	struct place *place = context;
	struct resource_win win = { };

	if ((acpi_dev_resource_memory(ares, &win.res) ||
	     acpi_dev_resource_address_space(ares, &win)) &&
	    resource_type(&win.res) == IORESOURCE_MEM) {
		place->phys = win.res.start;
		place->room = resource_size(&win.res);
		place->n++;
	}
	return AE_OK;
}

/* Returns: NULL; or what is wrong with _CRS, in words. */
static const char *evaluate_crs(acpi_handle handle, struct place *ret_place)
{
	if (ACPI_FAILURE(acpi_walk_resources(handle, METHOD_NAME__CRS, add_resource,
					     ret_place)))
		return "_CRS is missing or fails";
	if (!ret_place->n)
		return "_CRS names no memory";
	return ret_place->n == 1 ? NULL : "_CRS names more than one range of memory";
}

static int is_companion(struct device *dev, const void *handle)
{
	return ACPI_HANDLE(dev) == handle;
}

static void consider(const struct search *search, acpi_handle handle, const char *path,
		     const struct acpi_device_info *info)
{
	bool has_hid = info->valid & ACPI_VALID_HID;
	struct place place = { .n = 0 };
	struct vmgenc_device *dev;
	const char *wrong;
	bool present;

	wrong = evaluate_sta(handle, &present);
	if (!wrong && !present)
		return;
	if (!wrong)
		wrong = search->firmware->kind == &vmgenc_vmclock ?
				evaluate_crs(handle, &place) :
				evaluate_addr(handle, &place);
	dev = vmgenc_device_offer(search->vg, search->firmware, path,
				  has_hid ? info->hardware_id.string : "",
				  place.phys, place.room, wrong);
	if (!dev)
		return;
	dev->handle = handle;
	dev->parent = bus_find_device(&platform_bus_type, NULL, handle, is_companion);
}

static acpi_status visit(acpi_handle handle, u32 level, void *context,
			 void **ret)
{
	struct acpi_buffer path = { .length = ACPI_ALLOCATE_BUFFER };
	const struct search *search = context;
	struct acpi_device_info *info;

	if (ACPI_FAILURE(acpi_get_object_info(handle, &info)))
		return AE_OK;
	if (!is_device(info, search->firmware->names))
		goto out;
	if (ACPI_FAILURE(acpi_get_name(handle, ACPI_FULL_PATHNAME, &path)))
		goto out;
	consider(search, handle, path.pointer, info);
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

static void find(struct vmgenc *vg, const struct vmgenc_firmware *firmware)
{
	struct search search = { .vg = vg, .firmware = firmware };

	if (acpi_disabled)
		return;
	acpi_walk_namespace(ACPI_TYPE_DEVICE, ACPI_ROOT_OBJECT, ACPI_UINT32_MAX,
			    visit, NULL, &search, NULL);
}

/*
 * The first to know: runs in the interrupt that announces the change, long
 * before the firmware's method has run and its Notify has been passed on.
 * ACPICA holds the lock of its GPEs.
 */
static u32 handle_sci(void *context)
{
	vmgenc_notice(context, VMGENID_SOURCE_INTERRUPT);
	return ACPI_INTERRUPT_NOT_HANDLED;
}

/* May run on two CPUs at once from 6.12 on. */
static void handle_notify(acpi_handle handle, u32 event, void *context)
{
	struct vmgenc_device *dev = context;

	if (event != VMGENC_NOTIFY_CHANGED)
		return;
	vmgenc_notice(dev->vg, VMGENID_SOURCE_NOTIFY);
	vmgenc_device_notified(dev);
}

/*
 * CONFIG_ACPI_CONFIGFS lets root load a table, and unload it while drivers listen to its devices:
 * what the handle points at is freed after this. ACPICA holds the lock of its namespace.
 */
static void forget(acpi_handle handle, void *context)
{
	struct vmgenc_device *dev = context;

	pr_warn("%s: its ACPI table was unloaded, nothing notifies any more; load the table again, then unload this module and load it again\n",
		dev->path);
	WRITE_ONCE(dev->notifies, false);
	WRITE_ONCE(dev->handle, NULL);
}

static int cannot_listen(const struct vmgenc_device *dev, const char *to, acpi_status status)
{
	pr_err("%s: cannot listen to its %s: %s\n", dev->path, to, acpi_format_exception(status));
	return status == AE_NO_MEMORY ? -ENOMEM : -ENODEV;
}

static int listen(struct vmgenc_device *dev)
{
	acpi_status status;

	/* Kernels for hardware-reduced ACPI have no SCI; Notify has to do. */
	status = acpi_install_sci_handler(handle_sci, dev->vg);
	/* One of several devices was here before. */
	if (ACPI_FAILURE(status) && status != AE_NOT_CONFIGURED && status != AE_ALREADY_EXISTS)
		return cannot_listen(dev, "interrupt", status);
	/* Before forget() can say that it no longer does. */
	dev->notifies = !is_hypervisor("XenVMMXenVMM") &&
			!is_hypervisor("bhyve bhyve ");
	status = acpi_attach_data(dev->handle, forget, dev);
	if (ACPI_FAILURE(status))
		goto err_attach;
	status = acpi_install_notify_handler(dev->handle, ACPI_DEVICE_NOTIFY,
					     handle_notify, dev);
	if (ACPI_FAILURE(status))
		goto err_install;
	return 0;

err_install:
	acpi_detach_data(dev->handle, forget);
err_attach:
	acpi_remove_sci_handler(handle_sci);
	return cannot_listen(dev, "notifications", status);
}

/* The interrupt is given back by the first of several devices. */
static void ignore(struct vmgenc_device *dev)
{
	acpi_handle handle = READ_ONCE(dev->handle);

	if (handle) {
		acpi_remove_notify_handler(handle, ACPI_DEVICE_NOTIFY, handle_notify);
		acpi_detach_data(handle, forget);
	} else {
		/* What was notified of before is not waited for otherwise. */
		acpi_os_wait_events_complete();
	}
	acpi_remove_sci_handler(handle_sci);
}

const struct vmgenc_firmware vmgenc_acpi = {
	.kind = &vmgenc_genid,
	.names = genid_names,
	.find = find,
	.listen = listen,
	.ignore = ignore,
};

const struct vmgenc_firmware vmgenc_acpi_vmclock = {
	.kind = &vmgenc_vmclock,
	.names = vmclock_names,
	.find = find,
	.listen = listen,
	.ignore = ignore,
};
