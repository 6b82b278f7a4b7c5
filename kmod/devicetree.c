// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Finds the devices that a device tree describes (Firecracker on ARM) and listens
 * to their interrupts.
 *
 * As with ACPI they are not bound: in-tree drivers own them, from 6.10 and 7.0 on.
 * Interrupts may be shared.
 */
#include <linux/interrupt.h>
#include <linux/ioport.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include "vmgenc.h"

/* Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml, ptp/amazon,vmclock.yaml */
static const char * const genid_names[] = { "microsoft,vmgenid", NULL };
static const char * const vmclock_names[] = { "amazon,vmclock", NULL };

static const struct of_device_id devicetree_ids[] = {
	{ .compatible = "microsoft,vmgenid" },
	{ .compatible = "amazon,vmclock" },
	{ }
};
MODULE_DEVICE_TABLE(of, devicetree_ids);

/* Returns: NULL; or what is wrong with reg, in words. */
static const char *parse_reg(const struct device_node *node, u64 *ret_phys, u64 *ret_room)
{
	struct resource reg;

	if (!of_find_property(node, "reg", NULL))
		return "it has no reg";
	/* The old name of the argument is not const. */
	if (of_address_to_resource((struct device_node *)node, 0, &reg) ||
	    resource_type(&reg) != IORESOURCE_MEM)
		return "its reg is not the address of memory";
	*ret_phys = reg.start;
	*ret_room = resource_size(&reg);
	return NULL;
}

static void consider(struct vmgenc *vg, const struct vmgenc_firmware *firmware,
		     struct device_node *node, const char *path)
{
	struct vmgenc_device *dev;
	u64 phys = 0, room = 0;
	const char *wrong;

	if (!of_device_is_available(node)) {
		pr_info("%s: ignored, its status is not okay\n", path);
		return;
	}
	wrong = parse_reg(node, &phys, &room);
	dev = vmgenc_device_offer(vg, firmware, path, firmware->names[0], phys, room, wrong);
	if (!dev)
		return;
	dev->irq = of_irq_get(node, 0);
	dev->parent = bus_find_device_by_of_node(&platform_bus_type, node);
}

static void find(struct vmgenc *vg, const struct vmgenc_firmware *firmware)
{
	struct device_node *node;
	char *path;

	for_each_compatible_node(node, NULL, firmware->names[0]) {
		path = kasprintf(GFP_KERNEL, "%pOF", node);
		if (path)
			consider(vg, firmware, node, path);
		kfree(path);
	}
}

/* Hard interrupt: the first to know. */
static irqreturn_t handle_irq(int irq, void *context)
{
	struct vmgenc_device *dev = context;

	vmgenc_notice(dev->vg, VMGENID_SOURCE_NOTIFY);
	return IRQ_WAKE_THREAD;
}

static irqreturn_t handle_irq_thread(int irq, void *context)
{
	vmgenc_device_notified(context);
	return IRQ_HANDLED;
}

static void request(struct vmgenc_device *dev)
{
	int err;

	if (dev->irq <= 0) {
		pr_warn("%s: it has no usable interrupt, so a timer looks for changes\n",
			dev->path);
		return;
	}
	/*
	 * The in-tree driver, which binds earlier, may get a handler that is a thread and
	 * masks the interrupt meanwhile.
	 */
	err = request_threaded_irq(dev->irq, handle_irq, handle_irq_thread,
				   IRQF_SHARED | IRQF_COND_ONESHOT,
				   KBUILD_MODNAME, dev);
	if (err) {
		pr_warn("%s: its interrupt %d cannot be had (error %d), so a timer looks for changes\n",
			dev->path, dev->irq, err);
		dev->irq = 0;
	}
	/* A VMClock may have an interrupt and say that it is not used. */
	WRITE_ONCE(dev->notifies, !err && (!dev->kind->notifies ||
					   dev->kind->notifies(dev->memory)));
	/* Of an earlier change, which raised it while nobody listened. */
	vmgenc_notice(dev->vg, VMGENID_SOURCE_RECHECK);
}

/* Once a second; an idle CPU is not woken for it. */
static void retry(struct work_struct *work)
{
	struct vmgenc_device *dev = container_of(to_delayed_work(work), struct vmgenc_device,
						 retry);

	dev->irq = of_irq_get(dev->parent->of_node, 0);
	if (dev->irq == -EPROBE_DEFER)
		schedule_delayed_work(&dev->retry, HZ);
	else
		request(dev);
}

/*
 * Without an interrupt there is still the timer. Drivers are probed again when that of
 * the interrupt's controller is there; nobody tells this module, which is none.
 */
static int listen(struct vmgenc_device *dev)
{
	INIT_DEFERRABLE_WORK(&dev->retry, retry);
	if (dev->irq != -EPROBE_DEFER || !dev->parent) {
		request(dev);
		return 0;
	}
	pr_notice("%s: its interrupt controller is not there yet, so a timer looks for changes\n",
		  dev->path);
	schedule_delayed_work(&dev->retry, HZ);
	return 0;
}

static void ignore(struct vmgenc_device *dev)
{
	cancel_delayed_work_sync(&dev->retry);
	if (dev->irq > 0)
		free_irq(dev->irq, dev);
}

const struct vmgenc_firmware vmgenc_devicetree = {
	.kind = &vmgenc_genid,
	.names = genid_names,
	.find = find,
	.listen = listen,
	.ignore = ignore,
};

const struct vmgenc_firmware vmgenc_devicetree_vmclock = {
	.kind = &vmgenc_vmclock,
	.names = vmclock_names,
	.find = find,
	.listen = listen,
	.ignore = ignore,
};
