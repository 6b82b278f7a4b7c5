/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl openssl for one service. A unit is given with its ending, checked by
 * unitname_complete(). What returns enum ctl_exit has told the user why it is not
 * CTL_OK.
 */
#ifndef SSLSERVICE_H
#define SSLSERVICE_H

#include <limits.h>
#include <stdbool.h>

#include "ctl/view/session.h"

enum ctl_exit sslservice_enable(const char *unit);
enum ctl_exit sslservice_disable(const char *unit);

bool sslservice_is_enabled(const char *unit);

/* Of all services. */
enum ctl_exit sslservice_disable_all(void);

/* The configuration that a service has OpenSSL read; empty: the system's. */
enum ctl_exit sslservice_configuration(const char *unit, char ret_path[PATH_MAX]);

#endif /* SSLSERVICE_H */
