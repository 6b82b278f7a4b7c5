/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "base/trust.h"
#include "manual.h"

bool manual_wanted(void)
{
	char reason[512];
	int fd, r = trust_open(MANUAL_FILE, O_RDONLY, &fd, reason, sizeof(reason));

	if (!r)
		close(fd);
	else if (r != -ENOENT)
		text_print(stdout, "%s\n", reason);
	return !r;
}
