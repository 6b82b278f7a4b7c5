/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Services that have the device and may not open it, by DevicePolicy=, DeviceAllow= or what
 * implies them: with the provider their requests would fail. They get a drop-in that lets
 * them, as every user may by the node itself. What returns enum ctl_exit has told the
 * user why it is not CTL_OK.
 */
#ifndef SSLDEVICE_H
#define SSLDEVICE_H

#include "ctl/view/session.h"

/*
 * Of all that are installed, those whose program is linked with OpenSSL; tells which, and has
 * the manager read it. CTL_OK: none is left that may not. Nothing where there is no systemd.
 */
enum ctl_exit ssldevice_allow(void);

/* One service, with any program. The caller has the manager read it. */
enum ctl_exit ssldevice_allow_service(const char *unit);

/* Takes them away again, but from services that have the provider by themselves. */
enum ctl_exit ssldevice_forbid(void);

/* From one that had it so, unless all have the provider. The caller has the manager read it. */
enum ctl_exit ssldevice_forbid_service(const char *unit);

#endif /* SSLDEVICE_H */
