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

#include "vmclockpage.h"

/* vmclock_page.flags; version 1.0 of UAPI.13 has other bits than Linux. */
#define VMCLOCK_VM_GEN_COUNTER_PRESENT	(UINT64_C(1) << 8)
#define VMCLOCK_NOTIFICATION_PRESENT	(UINT64_C(1) << 9)

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
