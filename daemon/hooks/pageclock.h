/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The time of a VMClock: its page says what a counter of the CPU showed when, and how
 * long a tick is. The PTP clock that Linux makes of it is left alone: it tells UTC in
 * some versions and TAI in others, and the page says which of them is in it.
 */
#ifndef PAGECLOCK_H
#define PAGECLOCK_H

#include <stdint.h>

#include "vmclockpage.h"

/*
 * UTC in ns when the counter of this CPU shows so much; page: as the host keeps it,
 * while it does not write.
 *
 * Returns 0; -EPROTO: not a VMClock page; -ENODATA: one that tells no time, or not of
 * this counter, or none that can be relied upon; -EDOM: a time that cannot be told in
 * UTC.
 */
int pageclock_tell(const struct vmclock_page *page, uint64_t counter, int64_t *ret_ns);

/* The same of /dev/vmclock0, now. -ENODEV: there is none. */
int pageclock_read(int64_t *ret_ns);

#endif /* PAGECLOCK_H */
