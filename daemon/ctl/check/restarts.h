/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which services the hook 80-restart-units restarts, because a generator in them is the same in
 * every clone: those that the administrator lists, and those that "auto" stands for.
 */
#ifndef RESTARTS_H
#define RESTARTS_H

#include "census.h"
#include "ctl/view/session.h"

/* A variable for tests: the administrator's list. */
extern const char *restarts_list;

/*
 * Marks in a census which services are restarted. automatic: only those of "auto", whether it is
 * in the list or not. Returns 0, or -errno: the service manager did not tell, so "auto" stands
 * for none.
 */
int restarts_mark(const struct ctl *ctl, bool automatic, struct census *census);

#endif /* RESTARTS_H */
