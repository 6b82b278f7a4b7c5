// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * The part of ACPICA's OS services that is about locks. The rules of the kernel are checked:
 * who sleeps in an interrupt or with a spinlock held, or takes a spinlock twice, is aborted, so
 * that the stack is shown.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <acpi/acpi.h>
#include <acpi/accommon.h>

#include "osl.h"

/* Seconds, real ones, after which something that is waited for never comes. */
enum { FOREVER = 30 };

static __thread unsigned int n_spinlocks;

bool osl_spinlock_held(void)
{
	return n_spinlocks;
}

bool osl_atomic(void)
{
	return osl_in_interrupt() || osl_spinlock_held();
}

void osl_fail(const char *what)
{
	fprintf(stderr, "the kernel would say: BUG: %s\n", what);
	abort();
}

void osl_might_sleep(void)
{
	if (osl_atomic())
		osl_fail("sleeping function called from invalid context");
}

/* spin_lock_init */
acpi_status acpi_os_create_lock(acpi_spinlock *ret_lock)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *lock = malloc(sizeof(*lock));

	if (!lock)
		return AE_NO_MEMORY;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	*ret_lock = lock;
	return AE_OK;
}

/* ACPI_FREE */
void acpi_os_delete_lock(acpi_spinlock lock)
{
	if (pthread_mutex_destroy(lock))
		osl_fail("a spinlock is freed that is held");
	free(lock);
}

/* spin_lock, or raw_spin_lock_irqsave: nobody sleeps before it is given back. */
acpi_cpu_flags acpi_os_acquire_lock(acpi_spinlock lock)
{
	if (pthread_mutex_lock(lock))
		osl_fail("spinlock recursion");
	n_spinlocks++;
	return 0;
}

/* spin_unlock, raw_spin_unlock_irqrestore */
void acpi_os_release_lock(acpi_spinlock lock, acpi_cpu_flags flags)
{
	(void)flags;
	if (pthread_mutex_unlock(lock))
		osl_fail("spinlock already unlocked");
	n_spinlocks--;
}

struct semaphore {
	pthread_mutex_t lock;
	pthread_cond_t raised;
	u32 units;
	bool event;
};

/* sema_init; of a mutex, or of an event of AML, which has no limit. */
acpi_status acpi_os_create_semaphore(u32 max_units, u32 units, acpi_semaphore *ret_semaphore)
{
	struct semaphore *sem = acpi_os_allocate_zeroed(sizeof(*sem));
	pthread_condattr_t attributes;

	if (!sem)
		return AE_NO_MEMORY;
	pthread_mutex_init(&sem->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sem->raised, &attributes);
	pthread_condattr_destroy(&attributes);
	sem->units = units;
	sem->event = max_units == ACPI_NO_UNIT_LIMIT;
	*ret_semaphore = sem;
	return AE_OK;
}

/* kfree; BUG() with somebody waiting, which pthread_cond_destroy() would wait for. */
acpi_status acpi_os_delete_semaphore(acpi_semaphore handle)
{
	struct semaphore *sem = handle;

	if (!sem)
		return AE_BAD_PARAMETER;
	pthread_cond_destroy(&sem->raised);
	pthread_mutex_destroy(&sem->lock);
	free(sem);
	return AE_OK;
}

/*
 * How long that takes here. Nobody signals an event of AML but AML that runs meanwhile, which is
 * given a moment; what would hang a thread of the kernel for good ends in a timeout.
 */
static struct timespec deadline(const struct semaphore *sem, u16 timeout)
{
	long ms = timeout == ACPI_WAIT_FOREVER ? FOREVER * 1000L : timeout;
	struct timespec at;

	if (sem->event && ms > 10)
		ms = 10;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += ms % 1000 * 1000000;
	at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

/* down_timeout: sleeps. */
acpi_status acpi_os_wait_semaphore(acpi_semaphore handle, u32 units, u16 timeout)
{
	struct semaphore *sem = handle;
	struct timespec at;
	int err = 0;

	if (!sem || units < 1)
		return AE_BAD_PARAMETER;
	if (units > 1)
		return AE_SUPPORT;
	osl_might_sleep();
	at = deadline(sem, timeout);
	pthread_mutex_lock(&sem->lock);
	while (!sem->units && !err)
		err = timeout ? pthread_cond_timedwait(&sem->raised, &sem->lock, &at) : ETIMEDOUT;
	if (sem->units) {
		sem->units--;
		err = 0;
	}
	pthread_mutex_unlock(&sem->lock);
	if (err && timeout == ACPI_WAIT_FOREVER && !sem->event)
		osl_fail("a mutex is not given back");
	return err ? AE_TIME : AE_OK;
}

/* up: also in an interrupt. */
acpi_status acpi_os_signal_semaphore(acpi_semaphore handle, u32 units)
{
	struct semaphore *sem = handle;

	if (!sem || units < 1)
		return AE_BAD_PARAMETER;
	if (units > 1)
		return AE_SUPPORT;
	pthread_mutex_lock(&sem->lock);
	sem->units++;
	pthread_cond_signal(&sem->raised);
	pthread_mutex_unlock(&sem->lock);
	return AE_OK;
}
