// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Finds the generation ID device that a device tree describes (Firecracker on
 * ARM) and listens to its interrupt.
 *
 * As with ACPI the device is not bound: from 6.10 on the in-tree driver owns
 * it. Its interrupt may be shared.
 */
#include <linux/interrupt.h>
#include <linux/ioport.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/slab.h>
#include "vmgenc.h"

/* Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml */
static const struct of_device_id devicetree_ids[] = {
	{ .compatible = "microsoft,vmgenid" },
	{ }
};
MODULE_DEVICE_TABLE(of, devicetree_ids);

/* Returns: NULL; or what is wrong with reg, in words. */
static const char *parse_reg(const struct device_node *node, u64 *ret_phys)
{
	struct resource reg;

	if (!of_find_property(node, "reg", NULL))
		return "it has no reg";
	/* The old name of the argument is not const. */
	if (of_address_to_resource((struct device_node *)node, 0, &reg) ||
	    resource_type(&reg) != IORESOURCE_MEM)
		return "its reg is not the address of memory";
	if (resource_size(&reg) < VMGENID_ID_SIZE)
		return "its reg is shorter than 16 bytes";
	*ret_phys = reg.start;
	return NULL;
}

static void consider(struct vmgenc *vg, struct device_node *node,
		     const char *path)
{
	const char *wrong;
	u64 phys = 0;

	if (!of_device_is_available(node)) {
		pr_info("%s: ignored, its status is not okay\n", path);
		return;
	}
	wrong = parse_reg(node, &phys);
	if (!vmgenc_device_offer(vg, path, devicetree_ids[0].compatible, phys,
				 wrong))
		return;
	vg->irq = of_irq_get(node, 0);
	if (vg->irq <= 0)
		pr_warn("%s: it has no usable interrupt, so a timer looks for changes\n",
			path);
}

static void find(struct vmgenc *vg)
{
	struct device_node *node;
	char *path;

	for_each_matching_node(node, devicetree_ids) {
		path = kasprintf(GFP_KERNEL, "%pOF", node);
		if (path)
			consider(vg, node, path);
		kfree(path);
	}
}

/* Hard interrupt: the first to know. */
static irqreturn_t handle_irq(int irq, void *context)
{
	vmgenc_notice(context, VMGENID_SOURCE_NOTIFY);
	return IRQ_WAKE_THREAD;
}

static irqreturn_t handle_irq_thread(int irq, void *context)
{
	vmgenc_device_notified(context);
	return IRQ_HANDLED;
}

/* Without an interrupt there is still the timer. */
static int listen(struct vmgenc *vg)
{
	int err;

	if (vg->irq <= 0)
		return 0;
	err = request_threaded_irq(vg->irq, handle_irq, handle_irq_thread,
				   IRQF_SHARED, KBUILD_MODNAME, vg);
	if (err)
		pr_warn("interrupt %d cannot be had (error %d), so a timer looks for changes\n",
			vg->irq, err);
	vg->host_notifies = !err;
	return 0;
}

static void ignore(struct vmgenc *vg)
{
	if (vg->host_notifies)
		free_irq(vg->irq, vg);
}

const struct vmgenc_firmware vmgenc_devicetree = {
	.find = find,
	.listen = listen,
	.ignore = ignore,
};
