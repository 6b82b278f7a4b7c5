// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The part of ACPICA's OS services that is about when things run: the interrupt, and the
 * kernel's work queues kacpid and kacpi_notify.
 */
#include <pthread.h>
#include <stdlib.h>

#include <acpi/acpi.h>
#include <acpi/accommon.h>

#include "memory.h"
#include "osl.h"

struct work {
	struct work *next;
	acpi_osd_exec_callback function;
	void *context;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* What waits for kacpid, and whether its thread is there. */
static struct work *first;
static bool kacpid_runs;
/* Of both queues, what has not come to its end. */
static unsigned int n_pending;

static acpi_osd_handler sci_handler;
static void *sci_context;
static pthread_mutex_t line = PTHREAD_MUTEX_INITIALIZER;
static __thread bool in_interrupt;

bool osl_in_interrupt(void)
{
	return in_interrupt;
}

/*
 * acpi_irq, with interrupts off; newer kernels give it a thread, in which less is forbidden. A
 * level that stays without a handler would end in "nobody cared".
 */
void osl_interrupt(void)
{
	u32 handled = ACPI_INTERRUPT_HANDLED;

	pthread_mutex_lock(&line);
	while (sci_handler && handled == ACPI_INTERRUPT_HANDLED && port_sci()) {
		in_interrupt = true;
		handled = sci_handler(sci_context);
		in_interrupt = false;
	}
	pthread_mutex_unlock(&line);
}

/* request_irq of the one interrupt that the FADT names. */
acpi_status acpi_os_install_interrupt_handler(u32 gsi, acpi_osd_handler handler, void *context)
{
	acpi_status status = AE_OK;

	if (gsi != acpi_gbl_FADT.sci_interrupt)
		return AE_BAD_PARAMETER;
	pthread_mutex_lock(&line);
	if (sci_handler)
		status = AE_ALREADY_ACQUIRED;
	else
		sci_handler = handler;
	sci_context = context;
	pthread_mutex_unlock(&line);
	return status;
}

/* free_irq: afterwards it does not run. */
acpi_status acpi_os_remove_interrupt_handler(u32 gsi, acpi_osd_handler handler)
{
	(void)handler;
	if (gsi != acpi_gbl_FADT.sci_interrupt)
		return AE_BAD_PARAMETER;
	pthread_mutex_lock(&line);
	sci_handler = NULL;
	pthread_mutex_unlock(&line);
	return AE_OK;
}

static void execute(struct work *work)
{
	work->function(work->context);
	free(work);
	/* The GPE may be enabled again, and the host faster than that. */
	osl_interrupt();
	pthread_mutex_lock(&lock);
	n_pending--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *run_notify(void *context)
{
	execute(context);
	return NULL;
}

/* One after the other; the thread ends when there is nothing more. */
static void *run_kacpid(void *context)
{
	struct work *work;

	(void)context;
	for (;;) {
		pthread_mutex_lock(&lock);
		work = first;
		if (work)
			first = work->next;
		else
			kacpid_runs = false;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
		if (!work)
			return NULL;
		execute(work);
	}
}

static int start_thread(void *(*function)(void *), void *context)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, function, context);

	if (!err)
		pthread_detach(thread);
	return err;
}

static int queue_kacpid(struct work *work)
{
	struct work **last = &first;
	bool runs;

	pthread_mutex_lock(&lock);
	while (*last)
		last = &(*last)->next;
	*last = work;
	runs = kacpid_runs;
	kacpid_runs = true;
	pthread_mutex_unlock(&lock);
	return runs ? 0 : start_thread(run_kacpid, NULL);
}

/*
 * queue_work, also in an interrupt: GPEs' methods on kacpid, one at a time; what they notify of
 * on kacpi_notify, any number at once, which is what WQ_PERCPU without a limit comes to.
 */
acpi_status acpi_os_execute(acpi_execute_type type, acpi_osd_exec_callback function, void *context)
{
	struct work *work;

	if (type != OSL_NOTIFY_HANDLER && type != OSL_GPE_HANDLER)
		return AE_ERROR;
	work = malloc(sizeof(*work));
	if (!work)
		return AE_NO_MEMORY;
	*work = (struct work){ .function = function, .context = context };
	pthread_mutex_lock(&lock);
	n_pending++;
	pthread_mutex_unlock(&lock);
	if (type == OSL_GPE_HANDLER ? queue_kacpid(work) : start_thread(run_notify, work))
		abort();
	return AE_OK;
}

/* synchronize_hardirq and flush_workqueue of both, also of what begins meanwhile. */
void acpi_os_wait_events_complete(void)
{
	pthread_mutex_lock(&line);
	pthread_mutex_unlock(&line);
	pthread_mutex_lock(&lock);
	while (n_pending)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* Gives the interrupt back; a thread that has nothing more to do may still be on its way out. */
acpi_status acpi_os_terminate(void)
{
	acpi_os_wait_events_complete();
	pthread_mutex_lock(&lock);
	while (kacpid_runs)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	sci_handler = NULL;
	return AE_OK;
}
