// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * sysctl dev.vmgenc.0, under the name that FreeBSD's vmgenc(4) gave it.
 */
#include <linux/kernel.h>
#include <linux/sysctl.h>
#include <linux/uuid.h>
#include "vmgenc.h"

/*
 * What the host shows: memory holds the GUID in little-endian form. A VMClock has none.
 * A sysctl learns nothing of its open file, so this checks the process that reads. Only
 * the mode checks the one that opens: it keeps out all who could have a privileged program read.
 */
static int show_guid(COMPAT_CTL_CONST struct ctl_table *table, int write,
		     void *buf, size_t *size, loff_t *pos)
{
	char text[UUID_STRING_LEN + 1] = "";
	struct ctl_table line = { .data = text, .maxlen = sizeof(text) };
	const struct vmgenc *vg = table->extra1;
	const struct vmgenc_device *dev = READ_ONCE(vg->device);
	struct vmgenc_id id = vmgenc_device_sample(dev);

	if (!vmgenc_is_privileged())
		return -EPERM;
	if (!dev->kind->counts)
		scnprintf(text, sizeof(text), "%pUl", &id);
	return proc_dostring(&line, write, buf, size, pos);
}

static int show_hid(COMPAT_CTL_CONST struct ctl_table *table, int write,
		    void *buf, size_t *size, loff_t *pos)
{
	const struct vmgenc *vg = table->extra1;
	const struct vmgenc_device *dev = READ_ONCE(vg->device);
	struct ctl_table line = { .data = (void *)dev->hid, .maxlen = sizeof(dev->hid) };

	return proc_dostring(&line, write, buf, size, pos);
}

static int show_generation(COMPAT_CTL_CONST struct ctl_table *table, int write,
			   void *buf, size_t *size, loff_t *pos)
{
	unsigned long generation;
	struct ctl_table line = {
		.data = &generation,
		.maxlen = sizeof(generation),
	};
	int err;

	err = vmgenc_wait_settled(table->extra1, vmgenc_is_privileged());
	if (err)
		return err;
	generation = vmgenc_record(table->extra1).generation;
	return proc_doulongvec_minmax(&line, write, buf, size, pos);
}

static int set_poll_ms(COMPAT_CTL_CONST struct ctl_table *table, int write,
		       void *buf, size_t *size, loff_t *pos)
{
	int err = proc_dointvec_minmax(table, write, buf, size, pos);

	if (write && !err)
		vmgenc_timer_update(container_of(table->data, struct vmgenc,
						 poll_ms));
	return err;
}

static int poll_ms_max = VMGENC_POLL_MAX_MS;

static struct ctl_table vmgenc_table[] = {
	{
		.procname = "guid",
		.mode = 0400,
		.proc_handler = show_guid,
	},
	{
		.procname = "generation",
		.mode = 0444,
		.proc_handler = show_generation,
	},
	{
		.procname = "hid",
		.mode = 0444,
		.proc_handler = show_hid,
	},
	{
		.procname = "poll_ms",
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = set_poll_ms,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &poll_ms_max,
	},
	/* Kernels before 6.11 look for an end; later ones count. */
	{ }
};

int vmgenc_sysctl_init(struct vmgenc *vg)
{
	vmgenc_table[0].extra1 = vg;
	vmgenc_table[1].extra1 = vg;
	vmgenc_table[2].extra1 = vg;
	vmgenc_table[3].data = &vg->poll_ms;
	vg->sysctl = register_sysctl_sz("dev/vmgenc/0", vmgenc_table,
					ARRAY_SIZE(vmgenc_table) - 1);
	return vg->sysctl ? 0 : -ENOMEM;
}

void vmgenc_sysctl_exit(struct vmgenc *vg)
{
	unregister_sysctl_table(vg->sysctl);
}
