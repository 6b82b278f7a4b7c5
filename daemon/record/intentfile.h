/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the administrator said that the next change will be. It is either in the
 * state directory, put there by vmgenctl, or in a file that a tool dropped, and
 * it is used once.
 */
#ifndef INTENTFILE_H
#define INTENTFILE_H

#include <stdbool.h>

#include "record.h"

enum { INTENT_ERROR_SIZE = 512 };

/* After a change for which an intent was not used; see intent_unused in record.h. */
#define INTENT_REMEDY "fix the cause, declare the intent again if vmgenctl intent show prints none, then: vmgenctl trigger --real"

/* As intent_from of a record. */
#define INTENT_ADMIN	"admin"

/* Is this "clone" or "restore"? */
bool intent_valid(const char *word);

/*
 * Reads both places. state_fd: of state_open(). dropped: the other file. ret_word
 * is empty where nothing was said, and where the two say different things;
 * ret_said: at least one says something.
 *
 * Returns 0; or -errno and ret_error: a file cannot be used, which names it and
 * the remedy. The other one may still have said something then.
 */
int intent_read(int state_fd, const char *dropped, char ret_word[RECORD_WORD_SIZE],
		bool *ret_said, char ret_error[INTENT_ERROR_SIZE]);

/* Returns 0: it is on disk; or -errno. */
int intent_write(int state_fd, const char *word);

/*
 * Removes it from both places. Returns 0: it is off the disk; or -errno. -ENOENT
 * is none.
 */
int intent_remove(int state_fd, const char *dropped);

#endif /* INTENTFILE_H */
