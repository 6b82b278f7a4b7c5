/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the kernel could not execute: a hook as an editor on another system saves it, or
 * one whose interpreter is not installed. Looked for before a change, for people.
 */
#ifndef HOOKFORM_H
#define HOOKFORM_H

#include "hook.h"

/*
 * Looks at the file of a hook that passed the checks of hook_open(). Returns 0: nothing is known to
 * be wrong with it, also where this user may not read it; or -ENOEXEC, or -ENOENT of an
 * interpreter, and ret_reason: what is wrong, and the remedy.
 */
int hookform_check(const struct hook *hook, char ret_reason[HOOK_REASON_SIZE]);

#endif /* HOOKFORM_H */
