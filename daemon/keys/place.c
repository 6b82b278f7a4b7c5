/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "place.h"

const char *place_reason(int error)
{
	return error == -E2BIG ? "there are more than are looked at" :
	       error == -ETIMEDOUT ? "the time was over before" : strerror(-error);
}

const char *place_command(const struct netns *netns, char command[PLACE_COMMAND_SIZE])
{
	*command = '\0';
	if (!*netns->name)
		return command;
	if (netns->foreign || !netns->directory || !text_is_plain(netns->name))
		return NULL;
	snprintf(command, PLACE_COMMAND_SIZE, "nsenter --net=%s/%s ", netns->directory, netns->name);
	return command;
}
