/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * base/: what every room stands on: the log, files, JSON, texts, deadlines, and where
 * things are.
 *
 * In: libraries, libvmgen's header among them, and no other directory of ours.
 * Out: calls that do one thing each, and say what failed as a negative errno.
 * Never: an answer to a change, or a hook that is run. The caller decides what a
 * failure means. Each header is for everyone: this room has no inside.
 *
 * This header: where things are. The directories are part of the documented interface,
 * so they do not follow PREFIX.
 */
#ifndef PATHS_H
#define PATHS_H

#define PATH_DEVICE		"/dev/vmgenid"
#define PATH_CONFIG		"/etc/vmgen/vmgend.conf"
#define PATH_STATE_DIR		"/var/lib/vmgen"
#define PATH_RUNTIME_DIR	"/run/vmgen"
#define PATH_HOOKS		"/etc/vmgen/hooks.d:/run/vmgen/hooks.d:/usr/lib/vmgen/hooks.d"
#define PATH_HOOK_SETTINGS	"/etc/vmgen/hooks.conf.d"
#define PATH_INTENT		"/etc/vmgen/intent"
/* Where systemd has what LoadCredential= gives to vmgend. */
#define PATH_CREDENTIALS	"/run/credentials/vmgend.service"
/* Of hooks; where ours are comes first if that is none of the system's. */
#define PATH_PROGRAMS		OWN_DIRECTORIES "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_SEED		"/var/lib/systemd/random-seed"
/* Ours, and no interface: where the rest of the data is. */
#define PATH_IDENTITIES		DATADIR "/vmgen/identities"
#define PATH_JOURNAL		"/run/systemd/journal/socket"

/* In the state directory. */
#define NAME_INTENT		"intent"
#define NAME_IMAGE		"image"
#define NAME_HISTORY		"history"
#define NAME_FENCE		"fence"
/* Of vmgend-samba-ad(8). */
#define NAME_SAMBA_AD		"samba-ad"

/* In the runtime directory. */
#define NAME_STATUS		"status.json"
#define NAME_GENERATION		"generation"
#define NAME_TRIGGER		"trigger"
/* What the hooks of the last drill printed, for root. */
#define NAME_OUTPUTS		"outputs.json"
#define NAME_LOCKS		"lock"
/* Of the hook 60-machine-id: the machine ID is new, and PID 1 may have the old one. */
#define NAME_MACHINE_ID		"machine-id"

#endif /* PATHS_H */
