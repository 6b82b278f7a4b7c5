/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Who runs this machine, as far as its firmware tells, and how a machine gets a
 * VM Generation ID device there.
 */
#ifndef HOST_H
#define HOST_H

/*
 * sysfs: GUEST_SYSFS. Returns a sentence without a full stop: that there is no device,
 * and the remedy. Nothing of it comes from the firmware.
 */
const char *host_explain(const char *sysfs);

/* The same without its first part: the remedy alone. */
const char *host_remedy(const char *sysfs);

#endif /* HOST_H */
