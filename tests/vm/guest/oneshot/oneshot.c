// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Has the first part in a VMClock's interrupt, which is masked while the thread
 * of its handler runs, as that of an in-tree driver might be.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_irq.h>

static int irq;

static irqreturn_t handle(int number, void *context)
{
	return IRQ_HANDLED;
}

static int __init oneshot_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "amazon,vmclock");

	if (!node)
		return -ENODEV;
	irq = of_irq_get(node, 0);
	of_node_put(node);
	if (irq <= 0)
		return -ENODEV;
	return request_threaded_irq(irq, NULL, handle, IRQF_SHARED | IRQF_ONESHOT,
				    KBUILD_MODNAME, &irq);
}

static void __exit oneshot_exit(void)
{
	free_irq(irq, &irq);
}

module_init(oneshot_init);
module_exit(oneshot_exit);
MODULE_DESCRIPTION("Shares the interrupt of a VMClock with a test");
MODULE_AUTHOR("the vmgen authors");
MODULE_LICENSE("GPL");
