/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Stands before ACPICA's callbacks for each opcode, and before what it calls for memory, by
 * the linker's --wrap.
 */
#include <linux/acpi.h>
#include "bound.h"

void *__real_acpi_os_allocate(acpi_size size);
void *__wrap_acpi_os_allocate(acpi_size size);
void *__real_acpi_os_allocate_zeroed(acpi_size size);
void *__wrap_acpi_os_allocate_zeroed(acpi_size size);
void *__real_acpi_os_acquire_object(acpi_cache_t *cache);
void *__wrap_acpi_os_acquire_object(acpi_cache_t *cache);
struct acpi_walk_state;
union acpi_parse_object;

acpi_status __real_acpi_ds_exec_begin_op(struct acpi_walk_state *state,
					 union acpi_parse_object **ret_op);
acpi_status __wrap_acpi_ds_exec_begin_op(struct acpi_walk_state *state,
					 union acpi_parse_object **ret_op);
acpi_status __real_acpi_ds_load2_begin_op(struct acpi_walk_state *state,
					  union acpi_parse_object **ret_op);
acpi_status __wrap_acpi_ds_load2_begin_op(struct acpi_walk_state *state,
					  union acpi_parse_object **ret_op);

/* Of pages and more in all, so that filling them takes no time either. */
enum { SMALL = 4096, BYTES = 64 << 20 };

static bool reached;
static unsigned long steps_left;
static size_t bytes_left;
/* Allocations until memory is short, and for how many of them it is. */
static unsigned long plenty;
static unsigned long shortage;

void bound_steps(unsigned long steps)
{
	steps_left = steps;
	bytes_left = BYTES;
	shortage = 0;
	reached = false;
}

/* Not for ever: ACPICA's parser goes on where it failed, until it gets what it wants. */
void bound_memory(unsigned long good, unsigned long bad)
{
	plenty = good;
	shortage = bad;
}

bool bound_reached(void)
{
	return reached;
}

static bool is_short(size_t size)
{
	if (shortage && plenty) {
		plenty--;
	} else if (shortage) {
		shortage--;
		reached = true;
		return true;
	}
	if (size <= SMALL)
		return false;
	if (size > bytes_left) {
		reached = true;
		return true;
	}
	bytes_left -= size;
	return false;
}

void *__wrap_acpi_os_allocate(acpi_size size)
{
	return is_short(size) ? NULL : __real_acpi_os_allocate(size);
}

void *__wrap_acpi_os_allocate_zeroed(acpi_size size)
{
	return is_short(size) ? NULL : __real_acpi_os_allocate_zeroed(size);
}

void *__wrap_acpi_os_acquire_object(acpi_cache_t *cache)
{
	return is_short(0) ? NULL : __real_acpi_os_acquire_object(cache);
}

/* As ACPICA ends a loop that took too long. */
static bool is_over(void)
{
	if (!steps_left) {
		reached = true;
		return true;
	}
	steps_left--;
	return false;
}

acpi_status __wrap_acpi_ds_exec_begin_op(struct acpi_walk_state *state,
					 union acpi_parse_object **ret_op)
{
	return is_over() ? AE_AML_LOOP_TIMEOUT : __real_acpi_ds_exec_begin_op(state, ret_op);
}

acpi_status __wrap_acpi_ds_load2_begin_op(struct acpi_walk_state *state,
					  union acpi_parse_object **ret_op)
{
	return is_over() ? AE_AML_LOOP_TIMEOUT : __real_acpi_ds_load2_begin_op(state, ret_op);
}
