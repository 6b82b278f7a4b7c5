/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ctl/check/: what vmgenctl check looks at.
 *
 * In: a view of this machine, and processes of others, which are hostile.
 * Out: findings: a state, what was found, and a remedy that was tried.
 * Never: a change of anything; a process of others that is executed, mapped, waited for
 * or printed as it is; "ok" for what could not be looked at.
 *
 * What vmgenctl check has to say: one finding for each thing that it looks at,
 * and the files that make them.
 */
#ifndef FINDING_H
#define FINDING_H

#include "ctl/view/view.h"

enum finding_state {
	FINDING_OK,
	/* What no one can fix, but who writes programs or hooks should know. */
	FINDING_NOTE,
	/* Something is missing, but nothing is broken. */
	FINDING_WARNING,
	/* To be fixed; the exit status tells of it. */
	FINDING_PROBLEM,
};

struct findings {
	/* Objects with name, state, text and remedy. */
	struct json_object *list;
	bool problem, out_of_memory;
};

/* Returns the word for a state. */
const char *finding_word(enum finding_state state);

/* remedy: a sentence without a full stop, or "". format: what was found. */
void finding_add(struct findings *findings, const char *name, enum finding_state state,
		 const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* kernel.c: the device, its module, and random numbers. */
void check_kernel(const struct ctl *ctl, const struct view *view, struct findings *findings);

/* service.c: vmgend, its configuration, and the hooks. */
void check_service(const struct ctl *ctl, const struct view *view, struct findings *findings);

/* fences.c: units that are fenced. */
void check_fences(const struct ctl *ctl, struct findings *findings);

/* notices.c: what an administrator still has to know or do. */
void check_notices(const struct ctl *ctl, struct findings *findings);

/* identities.c: what a clone would have too. */
void check_identities(const struct ctl *ctl, struct findings *findings);

/* libcrypto.c: processes with OpenSSL in them, or with other generators of their own. */
void check_openssl(const struct ctl *ctl, const struct view *view, struct findings *findings);

/*
 * restarts.c: prints the services that "auto" stands for in the list of 80-restart-units, a line
 * each. Returns CTL_FAILED, after it has told why, if there may be others.
 */
enum ctl_exit check_units(const struct ctl *ctl);

/*
 * yama.c: fork sentinels of programs. proc: "/proc". And whether vmgend zeroes them at a change,
 * by its configuration, and by what the kernel lets it do.
 */
void check_sentinels(const struct ctl *ctl, const struct view *view, const char *proc,
		     struct findings *findings);
bool sentinels_are_zeroed(const struct ctl *ctl, const char *proc);

/* keys.c: session keys with counters, to be called last. */
void check_keys(const struct ctl *ctl, struct findings *findings);

#endif /* FINDING_H */
