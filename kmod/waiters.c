// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Who waits, in three queues. Everybody may open the devices, and one open file may be
 * polled half a million times, which takes half a second to wake. So the privileged have
 * a queue of their own, which is woken first, and then those who are in the middle of a
 * call, as nobody is more than once. The others have a thread that gives way to all, and,
 * where they are many, waits before that until the privileged have run, also on a machine
 * with one CPU: there even what a crowd does once it is awake is in their way.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "vmgenc.h"

enum {
	/* So many are woken at once, with interrupts off: some ten microseconds. */
	CHUNK = 64,
	/* Longer than it takes to print a line on a serial console, which the worker does. */
	PAUSE_MS = 20,
};

/*
 * Not wake_up(): since 6.7 it wakes the whole queue with interrupts off, and here each
 * open file has a state of its own, so nobody may be left out because somebody
 * else is exclusive. It wakes those that are there when it begins. Who comes later has
 * taken the lock after this did, so sees what moved before.
 *
 * No key: for io_uring a key is the answer, also where there is no news. Without one
 * everybody asks poll again.
 */
static void wake_queue(struct wait_queue_head *queue)
{
	struct wait_queue_entry *entry;
	LIST_HEAD(asleep);
	int i;

	spin_lock_irq(&queue->lock);
	/* Who leaves meanwhile takes the lock, and itself off whichever list it is on. */
	list_splice_init(&queue->head, &asleep);
	while (!list_empty(&asleep)) {
		for (i = 0; i < CHUNK && !list_empty(&asleep); i++) {
			entry = list_first_entry(&asleep, struct wait_queue_entry, entry);
			list_move_tail(&entry->entry, &queue->head);
			/* After this it may be gone. */
			entry->func(entry, TASK_INTERRUPTIBLE, 0, NULL);
		}
		spin_unlock_irq(&queue->lock);
		cond_resched();
		spin_lock_irq(&queue->lock);
	}
	spin_unlock_irq(&queue->lock);
}

static bool is_crowd(struct wait_queue_head *queue)
{
	struct list_head *entry;
	int count = 0;

	spin_lock_irq(&queue->lock);
	list_for_each(entry, &queue->head)
		if (++count > CHUNK)
			break;
	spin_unlock_irq(&queue->lock);
	return count > CHUNK;
}

static void wake_others(struct kthread_work *work)
{
	struct vmgenc_waiters *w = container_of(work, struct vmgenc_waiters, wake_others);

	if (is_crowd(&w->others))
		msleep(PAUSE_MS);
	wake_queue(&w->others);
}

/* All who wait look again, the privileged first. May sleep. */
void vmgenc_waiters_wake(struct vmgenc *vg)
{
	struct vmgenc_waiters *w = &vg->waiters;

	wake_queue(&w->privileged);
	wake_queue(&w->settling);
	/*
	 * Not by the worker: an epoll instance that is polled itself counts as one, and the
	 * kernel wakes all that wait on it in one go. If this is queued already, it has
	 * not begun: it will see this change.
	 */
	kthread_queue_work(w->others_worker, &w->wake_others);
}

/* Where those wait who were privileged, or not, when they opened their file. */
struct wait_queue_head *vmgenc_waiters_queue(struct vmgenc *vg, bool privileged)
{
	return privileged ? &vg->waiters.privileged : &vg->waiters.others;
}

/* Where those wait whose call goes on when a change is settled. */
struct wait_queue_head *vmgenc_waiters_settling(struct vmgenc *vg, bool privileged)
{
	return privileged ? &vg->waiters.privileged : &vg->waiters.settling;
}

/* Without it fcntl(2) would take O_ASYNC, and no signal would ever come. */
int vmgenc_waiters_fasync(int fd, struct file *file, int on)
{
	return on ? -EINVAL : 0;
}

int vmgenc_waiters_init(struct vmgenc *vg)
{
	struct vmgenc_waiters *w = &vg->waiters;
	int err;

	init_waitqueue_head(&w->privileged);
	init_waitqueue_head(&w->settling);
	init_waitqueue_head(&w->others);
	kthread_init_work(&w->wake_others, wake_others);
	w->others_worker = kthread_run_worker(0, "vmgenc-others");
	err = PTR_ERR_OR_ZERO(w->others_worker);
	if (!err)
		set_user_nice(w->others_worker->task, MAX_NICE);
	return err;
}

/* When nobody waits any more, and nobody wakes. */
void vmgenc_waiters_exit(struct vmgenc *vg)
{
	kthread_destroy_worker(vg->waiters.others_worker);
}
