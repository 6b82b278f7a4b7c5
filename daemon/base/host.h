/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who runs this machine, as far as its firmware tells, how a machine gets a VM
 * Generation ID device there, and what keeps the ID where it should not.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

/*
 * sysfs: GUEST_SYSFS. Returns a sentence without a full stop: that there is no device,
 * and the remedy. Nothing of it comes from the firmware.
 */
const char *host_explain(const char *sysfs);

/* The same without its first part: the remedy alone. */
const char *host_remedy(const char *sysfs);

/* What keeps the ID there although this VM is restored or cloned. Sentences as above. */
struct host_habit {
	const char *text, *remedy;
	/* That host does so if nobody tells it otherwise; else only one of its tools does. */
	bool usual;
};

/* Returns NULL: nothing is known that does. Which tools a host has, no guest can tell. */
const struct host_habit *host_keeps(const char *sysfs);

#endif /* HOST_H */
