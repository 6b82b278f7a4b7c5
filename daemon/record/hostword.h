/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The word of the host: what it says that a change is, and who this machine is then. One
 * line, and padding (NUL, blanks, newlines) up to the size of what carries it:
 *
 *	vmgen-intent 1 id=GUID intent=clone|restore [name=NAME]
 *
 * It names the ID that the change brings, so that one that was left behind counts for no
 * other change, and the newline tells that nothing was cut off.
 */
#ifndef HOSTWORD_H
#define HOSTWORD_H

#include "record.h"

enum {
	/* No more than this is read of anything. */
	HOSTWORD_LIMIT = 4096,
	HOSTWORD_REASON_SIZE = 160,
};

struct hostword {
	/* Of the ID that it is for. */
	char id_hash[HASH_SIZE];
	char intent[RECORD_WORD_SIZE];
	/* May be empty. */
	char name[RECORD_NAME_SIZE];
	/* Somebody may have meant something by keys that this vmgend does not know. */
	bool unknown_keys;
};

/*
 * Reads a word. Returns 0; -ENOMSG: this is something else; -EBADMSG: it is one, but it cannot
 * be used. ret_reason: why not, without a full stop, made of what ASCII can print.
 */
int hostword_parse(const char *text, size_t size, struct hostword *ret_word,
		   char ret_reason[HOSTWORD_REASON_SIZE]);

#endif /* HOSTWORD_H */
