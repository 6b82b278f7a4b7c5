// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Some hosts change the ID and notify nobody. There, and wherever the
 * administrator says so, a timer looks at it.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/timer.h>
#include "vmgenc.h"

enum { POLL_AUTO = -1, POLL_DEFAULT_MS = 1000 };

static int poll_ms = POLL_AUTO;
module_param(poll_ms, int, 0444);
MODULE_PARM_DESC(poll_ms,
		 "Look at the ID each so many milliseconds; 0: never, -1: only where the host is known not to notify (default)");

static void start(struct vmgenc *vg)
{
	int ms = READ_ONCE(vg->poll_ms);

	if (ms > 0)
		mod_timer(&vg->timer, jiffies + msecs_to_jiffies(ms));
}

static void handle_timer(struct timer_list *timer)
{
	struct vmgenc *vg = timer_container_of(vg, timer, timer);

	vmgenc_notice(vg, VMGENID_SOURCE_TIMER);
	start(vg);
}

/* After the administrator has set it. A timer that is to stop runs once more. */
void vmgenc_timer_update(struct vmgenc *vg)
{
	WRITE_ONCE(poll_ms, READ_ONCE(vg->poll_ms));
	mod_timer(&vg->timer, jiffies + 1);
}

/* The device may come without a Notify. What the administrator has set stays. */
static void choose(struct vmgenc *vg)
{
	/* Pairs with vmgenc_timer_init(): one of the two sees the other's device or value. */
	smp_mb();
	if (READ_ONCE(poll_ms) == POLL_AUTO && !READ_ONCE(vg->device)->notifies &&
	    !cmpxchg(&vg->poll_ms, 0, POLL_DEFAULT_MS))
		mod_timer(&vg->timer, jiffies + 1);
}

const struct vmgenc_listener vmgenc_timer_listener = {
	.change_over = choose,
};

/* Returns: 0; -EINVAL: the module's parameter is out of range. */
int vmgenc_timer_init(struct vmgenc *vg)
{
	if (poll_ms < POLL_AUTO || poll_ms > VMGENC_POLL_MAX_MS) {
		pr_err("poll_ms=%d: give milliseconds up to %d, 0 for never, or %d to let the module choose\n",
		       poll_ms, VMGENC_POLL_MAX_MS, POLL_AUTO);
		return -EINVAL;
	}
	/* An idle CPU is not woken: where nobody runs, nobody draws. */
	timer_setup(&vg->timer, handle_timer, TIMER_DEFERRABLE);
	/* The timer is ready before a change-over can start it. Pairs with choose(). */
	smp_store_release(&vg->poll_ms, poll_ms == POLL_AUTO ? 0 : poll_ms);
	choose(vg);
	start(vg);
	return 0;
}

void vmgenc_timer_exit(struct vmgenc *vg)
{
	/* Neither the timer nor a change-over starts it again. */
	WRITE_ONCE(vg->poll_ms, POLL_AUTO);
	kthread_flush_work(&vg->settle);
	timer_delete_sync(&vg->timer);
}
