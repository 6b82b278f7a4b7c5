/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <sys/stat.h>

#include "systemd.h"

bool systemd_runs(void)
{
	struct stat st;

	return !lstat("/run/systemd/system/", &st) && S_ISDIR(st.st_mode);
}
