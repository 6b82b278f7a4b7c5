/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a VMClock page says (UAPI.13 VMClock 1.1; Linux 7.0, <linux/vmclock-abi.h>),
 * of generations. On its own, so that it can be tried with any bytes.
 */
#ifndef VMGEN_VMCLOCK_H
#define VMGEN_VMCLOCK_H

#include <stddef.h>
#include <stdint.h>

#define VMCLOCK_MAGIC			0x4b4c4356
/* vmclock_page.flags; version 1.0 of UAPI.13 has other bits than Linux. */
#define VMCLOCK_VM_GEN_COUNTER_PRESENT	(UINT64_C(1) << 8)
#define VMCLOCK_NOTIFICATION_PRESENT	(UINT64_C(1) << 9)

/* Little-endian. Of the time vmgen's hooks for the clock make use. */
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
};

/*
 * Reads flags and counter that belong together; safe in signal handlers. page:
 * room bytes, which the host may be writing.
 *
 * Returns 0; -EPROTO: not a VMClock page; -ENODATA: one without a generation
 * counter; -ETIMEDOUT: the host began to write and does not end.
 */
int vmclock_read(const struct vmclock_page *page, size_t room, uint64_t *ret_flags,
		 uint64_t *ret_counter);

#endif /* VMGEN_VMCLOCK_H */
