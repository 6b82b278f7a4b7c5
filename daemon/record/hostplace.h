/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where a host can leave its word, see hostword.h: a table. Nothing is written to any of them,
 * and no driver is bound again, which would be a change of the machine in the middle of one.
 */
#ifndef HOSTPLACE_H
#define HOSTPLACE_H

#include "hostword.h"

enum { HOSTPLACES = 3 };

/* What a host calls these; place: a number below HOSTPLACES. */
#define HOSTPLACE_FW_CFG	"firmware/qemu_fw_cfg/by_name/opt/org.vmgen/intent/raw"
#define HOSTPLACE_SMBIOS	"firmware/dmi/tables/DMI"
#define HOSTPLACE_STRING	"vmgen.intent="
#define HOSTPLACE_CREDENTIAL	"vmgen.intent"

/* Why a word that is a good one does not count. */
#define HOSTPLACE_STALE	"it is for another ID than this machine has"
#define HOSTPLACE_SPENT	"it was for the change to the present ID, which is handled"

/* Returns the word for a place, as in intent_from of a record. */
const char *hostplace_name(size_t place);

/* Does a machine that was restored while it ran find there what its host says then? */
bool hostplace_is_live(size_t place);

/*
 * Reads what is there. sysfs: GUEST_SYSFS. credentials: the directory of those of vmgend;
 * NULL: it has none. Returns 0; -ENOENT: nothing is; as hostword_parse(), or -errno: it cannot
 * be used, and ret_reason says why, without a full stop.
 */
int hostplace_read(size_t place, const char *sysfs, const char *credentials,
		   struct hostword *ret_word, char ret_reason[HOSTWORD_REASON_SIZE]);

#endif /* HOSTPLACE_H */
