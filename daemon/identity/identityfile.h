/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * identity/: what makes a machine itself, and two clones one.
 *
 * In: the file "inventory", which ships and is data: its head has the format.
 * Out: the identities in it, and which of them are on this machine.
 * Never: a command of the inventory that is run, or a file of an identity that is opened.
 *
 * This header: the file, and where its identities are.
 */
#ifndef IDENTITYFILE_H
#define IDENTITYFILE_H

#include <stddef.h>

enum { IDENTITY_ERROR_SIZE = 512, IDENTITY_HOOK_SIZE = 64 };

enum identity_state {
	IDENTITY_ABSENT,
	IDENTITY_HERE,
	/* Who asks may not look there. */
	IDENTITY_UNSEEN,
	/* Only its command tells. */
	IDENTITY_ASK,
};

struct identity {
	/* Paths and patterns, with blanks between them, may be "". command: "" if there is none. */
	const char *name, *where, *command, *harm, *renewal, *source;
	/* The hook that renews it, or "". */
	char hook[IDENTITY_HOOK_SIZE];
};

struct identity_list {
	struct identity *items;
	size_t n;
	/* That the items point into. */
	char *text;
};

/* Where one was found. */
struct identity_place {
	/* The first path, and how many others there are; the caller frees the path. NULL: none. */
	char *path;
	size_t n_others;
};

/*
 * Reads an inventory. Returns 0, and the caller clears the list; or -errno and ret_error,
 * which names the file, and the line if one of them is wrong.
 */
int identity_list_read(const char *path, struct identity_list *ret_list,
		       char ret_error[IDENTITY_ERROR_SIZE]);

void identity_list_clear(struct identity_list *list);

/* Looks for it by names alone. ret_place: of IDENTITY_HERE; may be NULL. */
enum identity_state identity_look(const struct identity *identity,
				  struct identity_place *ret_place);

/* Returns the word for a state. */
const char *identity_state_name(enum identity_state state);

#endif /* IDENTITYFILE_H */
