/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ctl/: vmgenctl, one file for each command, named as the command. What they share is
 * in view/ and systemd/; check/ and openssl/ are the insides of the commands of those
 * names.
 *
 * In: the command line, the device, and files of vmgend: no socket is in its way.
 * Out: text that is safe for a terminal, or JSON; an exit status (enum ctl_exit).
 * Never: bytes of others printed as they are, or a wait that nobody asked for.
 *
 * This header: the commands.
 */
#ifndef CTL_H
#define CTL_H

#include "ctl/view/session.h"

/* argv[0] is the name of the command. */
enum ctl_exit ctl_status(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_check(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_wait(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_watch(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_hooks(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_trigger(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_metrics(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_history(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_intent(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_fence(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_openssl(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_image(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_identity(const struct ctl *ctl, int argc, char **argv);
enum ctl_exit ctl_forget(const struct ctl *ctl, int argc, char **argv);

#endif /* CTL_H */
