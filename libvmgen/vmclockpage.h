/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The page of a VMClock (UAPI.13 VMClock 1.1; Linux 7.0, <linux/vmclock-abi.h>): the
 * library reads generations there, and the hook of the clock the time.
 */
#ifndef VMGEN_VMCLOCKPAGE_H
#define VMGEN_VMCLOCKPAGE_H

#include <stdint.h>

#define VMCLOCK_MAGIC	0x4b4c4356

/* Little-endian; in pages, so aligned, which 32-bit machines leave open. */
struct vmclock_page {
	uint32_t magic;
	/* Bytes that the host keeps, from the beginning. */
	uint32_t size;
	uint16_t version;
	uint8_t counter_id;
	uint8_t time_type;
	/* Odd while the host writes. */
	uint32_t seq_count;
	uint64_t disruption_marker;
	uint64_t flags;
	uint8_t pad[2];
	uint8_t clock_status;
	uint8_t smearing_hint;
	int16_t tai_offset_sec;
	uint8_t leap_indicator;
	uint8_t counter_period_shift;
	uint64_t counter_value;
	/* Seconds >> (64 + counter_period_shift). */
	uint64_t counter_period_frac_sec;
	uint64_t period_errors[2];
	uint64_t time_sec;
	uint64_t time_frac_sec;
	uint64_t time_errors[2];
	uint64_t vm_generation_counter;
} __attribute__((aligned(8)));

#endif /* VMGEN_VMCLOCKPAGE_H */
