// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The interrupt controller "vmgen,controller" of a device tree, which is there only
 * once this is loaded. A write to its parameter raise is an interrupt.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/of.h>

static struct irq_domain *domain;

static int raise(const char *text, const struct kernel_param *parameter)
{
	unsigned long flags;
	int err;

	local_irq_save(flags);
	err = generic_handle_domain_irq(domain, 0);
	local_irq_restore(flags);
	return err;
}

static const struct kernel_param_ops raise_ops = {
	.set = raise,
};
module_param_cb(raise, &raise_ops, NULL, 0200);

static int map(struct irq_domain *of, unsigned int irq, irq_hw_number_t line)
{
	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
	return 0;
}

static const struct irq_domain_ops domain_ops = {
	.map = map,
	.xlate = irq_domain_xlate_onecell,
};

/* Stays: there is no exit. */
static int __init controller_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "vmgen,controller");

	if (!node)
		return -ENODEV;
	domain = irq_domain_create_linear(of_fwnode_handle(node), 1, &domain_ops, NULL);
	return domain ? 0 : -ENOMEM;
}

module_init(controller_init);
MODULE_DESCRIPTION("An interrupt controller that is late, for tests");
MODULE_LICENSE("Dual BSD/GPL");
